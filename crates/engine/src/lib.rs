//! The one place with I/O, clock and keys: home, register, log, vault, tables, the run

pub mod audit;
pub mod error;
pub mod fsck;
pub mod home;
mod index_store;
pub mod keys;
pub mod law;
pub mod leaflet;
pub mod linkage;
pub mod mesh;
pub mod packages;
pub mod purge;
pub mod records;
pub mod register;
pub mod report;
pub mod run;
pub mod subject;
pub mod vault;
mod whole;
pub mod words;

pub use error::EngineError;

use caredata_model::Day;

/// Today, as the machine's clock and time zone say.
pub fn today() -> Day {
    let today = jiff::Zoned::now().date();
    Day::new(today.year().into(), today.month().unsigned_abs().into(), today.day().unsigned_abs().into())
        .unwrap_or(Day::FIRST)
}
