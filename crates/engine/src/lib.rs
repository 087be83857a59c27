//! The one place with I/O, clock and keys: home, register, log, vault, tables, the run

pub mod report;
