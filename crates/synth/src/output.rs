//! Files of one month: a population and a window in, `gp/`, `hospital/`, `other/` and `truth/` out.
//!
//! Blocks of people are written to memory in parallel and to disk in order by a thread of its own, so what is held is the
//! population and a few blocks.

use crate::draw::Chance;
use crate::hospital::{self, Demand, Hospital, Keyed};
use crate::journal::{self, Journal};
use crate::mistakes::Rates;
use crate::population::{NO_PRACTICE, Population, Twin, Window};
use crate::registrations::{self, Registration, lsoa_code};
use crate::text::Rows;
use crate::{Errors, MistakeCounts, Summary, SynthError, other};
use rayon::prelude::*;
use std::fs::{File, create_dir_all, write};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

/// People or registrations written by one task.
const BLOCK: usize = 4096;

/// One month's work.
pub(crate) struct MonthFiles<'a> {
    pub(crate) population: &'a Population,
    pub(crate) windows: &'a [Window],
    pub(crate) month: u32,
    pub(crate) seed: u64,
    pub(crate) errors: Errors,
    pub(crate) chance: &'a Chance,
    pub(crate) out: &'a Path,
}

/// What one task made: a buffer for each file of its stage, and its share of the summary.
struct Block {
    buffers: Vec<Rows>,
    summary: Summary,
    people: u32,
}

impl MonthFiles<'_> {
    /// Writes every file of the month; `progress` is told of people done.
    pub(crate) fn write(&self, progress: &(dyn Fn(u32) + Sync)) -> Result<Summary, SynthError> {
        let mut summary = Summary::default();
        for folder in ["gp", "hospital", "other/sources", "truth"] {
            let path = self.out.join(folder);
            create_dir_all(&path).map_err(|source| SynthError::Write { path, source })?;
        }
        let declaration = self.out.join("other/sources/social-care.toml");
        write(&declaration, other::DECLARATION).map_err(|source| SynthError::Write { path: declaration, source })?;
        summary.add(&self.practices()?);
        summary.add(&self.hospitals(progress)?);
        Ok(summary)
    }

    fn practices(&self) -> Result<Summary, SynthError> {
        let rows = registrations::all(self.population, self.windows[self.month as usize]);
        let files = [
            ("gp/patients.csv", registrations::PATIENTS_HEADER),
            ("truth/gp.csv", registrations::TRUTH_HEADER),
            ("gp/journals.csv", journal::HEADER),
            ("truth/objectors.csv", journal::OBJECTORS_HEADER),
        ];
        let tasks: Vec<&[Registration]> = rows.chunks(BLOCK).collect();
        self.stream(&files, &tasks, |rows| self.practice_block(rows), &|_| ())
    }

    fn practice_block(&self, rows: &[Registration]) -> Block {
        let window = self.windows[self.month as usize];
        let (mut patients, mut truth) = (Rows::with_capacity(rows.len() * 90), Rows::with_capacity(rows.len() * 24));
        let mut counts = MistakeCounts::default();
        let mut journal = Journal {
            population: self.population,
            windows: self.windows,
            month: self.month,
            chance: self.chance,
            rows: Rows::with_capacity(rows.len() * 800),
            objectors: Rows::default(),
            entries: 0,
        };
        for &row in rows {
            let out = (&mut patients, &mut truth);
            registrations::write(self.population, row, window, (self.seed, self.chance), out, &mut counts);
            journal.write(row);
        }
        let summary = Summary {
            registrations: rows.len() as u64,
            entries: journal.entries,
            gp_mistakes: counts,
            ..Summary::default()
        };
        Block { buffers: vec![patients, truth, journal.rows, journal.objectors], summary, people: 0 }
    }

    fn hospitals(&self, progress: &(dyn Fn(u32) + Sync)) -> Result<Summary, SynthError> {
        let demand = Demand::of(self.population, self.windows[self.month as usize]);
        let (apc, op, ae) = (hospital::apc_header(), hospital::op_header(), hospital::ae_header());
        let files = [
            ("hospital/apc.csv", apc.as_str()),
            ("truth/hospital.csv", "EPIKEY,person,group\n"),
            ("hospital/op.csv", op.as_str()),
            ("truth/op.csv", "ATTENDKEY,person,group\n"),
            ("hospital/ae.csv", ae.as_str()),
            ("truth/ae.csv", "AEKEY,person,group\n"),
            ("other/social_care.csv", other::HEADER),
            ("truth/social_care.csv", other::TRUTH_HEADER),
            (
                "truth/people.csv",
                "person,nhs_number,date_of_birth,date_of_death,sex,ethnic_group,postcode,earlier_postcode,lsoa,imd_decile,household,twin,registered\n",
            ),
        ];
        let count = self.population.people.len();
        let tasks: Vec<usize> = (0..count.div_ceil(BLOCK)).collect();
        self.stream(&files, &tasks, |&block| self.hospital_block(block, demand), progress)
    }

    fn hospital_block(&self, block: usize, demand: Demand) -> Block {
        let people = &self.population.people;
        let blocks = people.len().div_ceil(BLOCK);
        let window = self.windows[self.month as usize];
        let rates = Rates::hospital(self.errors);
        let mut made = Hospital {
            population: self.population,
            demand,
            window,
            month: self.month,
            seed: self.seed,
            chance: self.chance,
            rates,
            apc: Keyed::default(),
            op: Keyed::default(),
            ae: Keyed::default(),
            counts: MistakeCounts::default(),
        };
        let (mut social, mut social_truth, mut truth) = (Rows::default(), Rows::default(), Rows::default());
        let mut summary = Summary::default();
        let mut other_counts = MistakeCounts::default();
        // Every block takes people from all over, so that a file's neighbours are not neighbours in the street.
        let serials = (block..people.len()).step_by(blocks);
        let mut done = 0;
        for serial in serials.map(|serial| serial as u32) {
            made.write(serial);
            let how = (self.seed, &rates, self.chance);
            let out = (&mut social, &mut social_truth);
            summary.social_care +=
                other::write(self.population, serial, (window, self.month), how, out, &mut other_counts);
            self.person(serial, &mut truth);
            done += 1;
        }
        summary.people = u64::from(done);
        (summary.admissions, summary.appointments, summary.attendances) =
            (made.apc.count(), made.op.count(), made.ae.count());
        let (apc, apc_truth) = made.apc.sorted();
        let (op, op_truth) = made.op.sorted();
        let (ae, ae_truth) = made.ae.sorted();
        summary.hospital_mistakes = made.counts;
        let buffers = vec![apc, apc_truth, op, op_truth, ae, ae_truth, social, social_truth, truth];
        Block { buffers, summary, people: done }
    }

    /// What is true of one person.
    fn person(&self, serial: u32, rows: &mut Rows) {
        let (person, places) = (&self.population.people[serial as usize], &self.population.places);
        rows.number(serial + 1).number(crate::numbers::nhs_number(self.seed, serial)).day(person.birth);
        rows.maybe_day(Some(person.death).filter(|&day| day < crate::population::NEVER));
        rows.field(if person.female { b"2" } else { b"1" }).text(person.ethnicity.label());
        rows.field(places.postcode(person.home).as_bytes());
        match person.earlier_home() {
            Some(place) => rows.field(places.postcode(place).as_bytes()),
            None => rows.empty(),
        };
        rows.field(&lsoa_code(places.lsoa(person.home))).number(places.deprivation(person.home));
        rows.number(person.household + 1);
        match person.twin {
            Twin::None => rows.empty(),
            Twin::Before => rows.number(serial),
            Twin::After => rows.number(serial + 2),
        };
        rows.text(if person.practice == NO_PRACTICE { "no" } else { "yes" }).end();
    }

    /// Makes the tasks' blocks in parallel and writes them in order.
    fn stream<T: Sync>(
        &self,
        files: &[(&str, &str)],
        tasks: &[T],
        make: impl Fn(&T) -> Block + Sync,
        progress: &(dyn Fn(u32) + Sync),
    ) -> Result<Summary, SynthError> {
        let mut writers =
            files.iter().map(|(name, header)| Csv::new(self.out.join(name), header)).collect::<Result<Vec<_>, _>>()?;
        let (send, receive) = sync_channel::<Vec<Block>>(1);
        let batch = rayon::current_num_threads() * 4;
        std::thread::scope(|scope| {
            let writing = scope.spawn(move || {
                let mut summary = Summary::default();
                for block in receive.into_iter().flatten() {
                    for (writer, buffer) in writers.iter_mut().zip(&block.buffers) {
                        writer.write(buffer.bytes())?;
                    }
                    summary.add(&block.summary);
                    progress(block.people);
                }
                Ok(summary)
            });
            for batch in tasks.chunks(batch) {
                let blocks = batch.par_iter().map(&make).collect();
                // A writer that met an error has gone; it tells below why.
                if send.send(blocks).is_err() {
                    break;
                }
            }
            drop(send);
            writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// A file being written, which knows its path for errors.
struct Csv {
    path: PathBuf,
    file: File,
}

impl Csv {
    fn new(path: PathBuf, header: &str) -> Result<Self, SynthError> {
        let file = File::create(&path).map_err(|source| SynthError::Write { path: path.clone(), source })?;
        let mut csv = Self { path, file };
        csv.write(header.as_bytes())?;
        Ok(csv)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SynthError> {
        self.file.write_all(bytes).map_err(|source| SynthError::Write { path: self.path.clone(), source })
    }
}
