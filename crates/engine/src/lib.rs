//! The one place with I/O, clock and keys: home, register, log, vault, tables, the run

pub mod audit;
pub mod error;
pub mod home;
pub mod keys;
pub mod register;
pub mod report;
pub mod vault;
