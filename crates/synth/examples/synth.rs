//! Makes a population: `cargo run --release -p caredata-synth --example synth -- OUT [people=20000] [seed=1]
//! [errors=standard|hard] [months=1]`.

use caredata_synth::{Errors, Options, generate};
use std::error::Error;

#[expect(clippy::print_stdout, reason = "an example prints what it made")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out =
        arguments.next().ok_or("say where to write: OUT [people=N] [seed=S] [errors=standard|hard] [months=M]")?;
    let mut options = Options::new(20_000, out.into());
    for argument in arguments {
        match argument.split_once('=') {
            Some(("people", value)) => options.people = value.parse()?,
            Some(("seed", value)) => options.seed = value.parse()?,
            Some(("months", value)) => options.months = value.parse()?,
            Some(("errors", "standard")) => options.errors = Errors::Standard,
            Some(("errors", "hard")) => options.errors = Errors::Hard,
            Some(_) | None => return Err(format!("not understood: {argument}").into()),
        }
    }
    println!("{:#?}", generate(&options, &|_| ())?);
    Ok(())
}
