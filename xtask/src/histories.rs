//! Random histories in numbers that a test has no time for.
//!
//! Seeds and a number of wishes in; the tests that play histories against their oracles, run with them, out.

use crate::option;
use crate::shell::{cargo, run};
use anyhow::Result;
use std::path::Path;

/// Plays the histories.
///
/// # Errors
/// If the program or the register says otherwise than an oracle.
pub fn histories(root: &Path, words: &[String]) -> Result<()> {
    let seeds = option(words, "--seeds", "1000..1050".to_owned())?;
    let wishes = option(words, "--wishes", 3_000_000_u64)?;
    for test in ["register_model", "histories"] {
        let tests = ["test", "--release", "--workspace", "--test", test, "--", "--nocapture"];
        run(cargo()
            .current_dir(root)
            .args(tests)
            .env("CAREDATA_SEEDS", &seeds)
            .env("CAREDATA_WISHES", wishes.to_string()))?;
    }
    Ok(())
}
