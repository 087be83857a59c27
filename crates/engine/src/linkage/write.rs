//! Links written as `links.csv`.
//!
//! [`Taken`] records and their links -> lines. Invariant: a file that could not be written whole is not there.

use super::read::{Batch, Taken};
use crate::error::EngineError;
use caredata_link::{HEADER, Ids, Link, push_lines};
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Lines that a thread makes at a time: about a quarter of a megabyte.
const LINES_A_PIECE: usize = 1 << 12;

/// Writes the links of sources of which the first is GP and linked by registrations.
pub(super) fn write_links(
    out: &Path,
    sources: &[Taken],
    [registrations, events]: [&[Link]; 2],
) -> Result<(), EngineError> {
    let unfinished = out.with_extension("csv.unfinished");
    let fault = || EngineError::io("writing the links", out);
    let mut file = File::create(&unfinished).map_err(fault())?;
    let mut pieces = Vec::new();
    for (place, taken) in sources.iter().enumerate() {
        let links = if place == 0 { registrations } else { events };
        for batch in &taken.batches {
            pieces.extend(Piece::all(&taken.source, batch, &links[batch.places()]));
        }
    }
    write_pieces(&mut file, &pieces).map_err(fault())?;
    std::fs::rename(&unfinished, out).map_err(fault())
}

/// A run of lines to be made.
struct Piece<'a> {
    source: &'a str,
    ids: Ids<'a>,
    links: &'a [Link],
}

impl<'a> Piece<'a> {
    fn all(source: &'a str, batch: &'a Batch, links: &'a [Link]) -> impl Iterator<Item = Self> {
        (0..).step_by(LINES_A_PIECE).zip(links.chunks(LINES_A_PIECE)).map(move |(first, links)| {
            let ids = batch.ids(first..first + links.len());
            Self { source, ids, links }
        })
    }

    fn lines(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_lines(&mut out, self.source, &self.ids, self.links);
        out
    }
}

/// Writes pieces in their order. Some are made while those before them are written; never is the whole output in memory.
fn write_pieces(file: &mut File, pieces: &[Piece<'_>]) -> io::Result<()> {
    let mut made = vec![HEADER.to_vec()];
    for pieces in pieces.chunks(8 * rayon::current_num_threads()) {
        let (written, next) = rayon::join(
            || made.iter().try_for_each(|text| file.write_all(text)),
            || pieces.par_iter().map(Piece::lines).collect(),
        );
        written?;
        made = next;
    }
    made.iter().try_for_each(|text| file.write_all(text))?;
    file.flush()
}
