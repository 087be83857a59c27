//! What a practice's journals say of its patients' wishes: journals in, who is withheld and what must be reported out.
//!
//! Used twice, as one type: by the practice before anything leaves, and by the centre's gate when it is given raw exports.
//!
//! Invariant: every entry that can be a wish is seen, whatever else is wrong with its row; when in doubt the patient is
//! withheld.

use crate::batch::SourceBatch;
use crate::codes::{ObjectionCodes, Recognised};
use crate::error::ExtractError;
use crate::find::InputFile;
use crate::read::{Columns, ReadOptions, Undated, read_watching};
use crate::source::Source;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Date32Type;
use caredata_model::{Choice, Day, Period, Scope, Wish, stands};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// Whose GP record stays at the practice: the patients whose type 1 objection stands.
#[derive(Clone, Debug, Default)]
pub struct Withholding {
    patients: BTreeMap<Box<str>, HashSet<Box<str>>>,
}

/// What the journals say of wishes.
#[derive(Debug, Default)]
pub struct Collected {
    /// Whose record stays at the practice.
    pub withholding: Withholding,
    /// Patients whose journal holds a type 1 wish and in whose journal no type 1 objection stands: practice and patient.
    pub withdrawn: HashSet<(Box<str>, Box<str>)>,
    /// Type 1 wishes, which bind the record at this practice; in order of practice and patient.
    pub records: Vec<PatientWish>,
    /// Type 2 wishes that count, for the centre's register; in order of practice and patient.
    pub persons: Vec<PatientWish>,
    /// Type 2 entries recorded after the day until which they count: to be reported.
    pub no_longer_counting: Vec<PatientWish>,
    /// Entries by practice.
    pub counts: BTreeMap<Box<str>, WishCounts>,
    /// The practices of which each file has an entry that can be read, by the file's name.
    pub practices: BTreeMap<Arc<str>, BTreeSet<Box<str>>>,
    /// Rows read.
    pub rows_in: u64,
    /// Rows that cannot be read and hold the code of an objection: nobody can tell whose. Their practices' data must be
    /// held.
    pub doubtful: Vec<Doubtful>,
}

/// A wish of one patient of one practice.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientWish {
    /// The practice's code.
    pub practice: Box<str>,
    /// The patient's local id there.
    pub patient: Box<str>,
    /// The wish.
    pub wish: Wish,
}

/// Numbers of entries of each kind in one practice's journals, and of patients withheld: all that leaves of a type 1 wish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WishCounts {
    /// Entries that object to the GP record's leaving (type 1).
    pub object_gp: u64,
    /// Entries that withdraw that.
    pub withdraw_gp: u64,
    /// Entries that object to all use beyond the trusted body (type 2) and count.
    pub object_all: u64,
    /// Entries that withdraw that and count.
    pub withdraw_all: u64,
    /// Type 2 entries of either kind that no longer count.
    pub no_longer_counting: u64,
    /// Patients withheld: those whose type 1 objection stands.
    pub patients_withheld: u64,
}

/// A row that cannot be read and holds the code of an objection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubtful {
    /// The file's name.
    pub file: Box<str>,
    /// The line on which the row begins.
    pub line: u64,
    /// Why it cannot be read.
    pub reason: &'static str,
    /// What stands in it.
    pub(crate) row: RowText,
}

/// The text of a row, which nobody is shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RowText(pub(crate) Box<str>);

impl std::fmt::Debug for RowText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RowText(withheld)")
    }
}

impl Doubtful {
    /// Whether some field of the row is this practice's code. Fields may be out of place and rows may have run together, so that
    /// the row may be of any practice that it names.
    pub fn names(&self, practice: &str) -> bool {
        fields(&self.row.0).any(|field| field.trim() == practice)
    }
}

/// What may be the fields of a row that cannot be read.
pub(crate) fn fields(row: &str) -> impl Iterator<Item = &str> {
    row.split([',', '|', '\t', '\n', '\r', '"'])
}

impl Withholding {
    /// Reads all wishes in journals and decides who is withheld on `today`.
    ///
    /// Columns and rejections of `options` do not matter here; its renames and limits do.
    ///
    /// # Errors
    /// [`ExtractError`] where a file is refused.
    pub fn collect(
        files: &[InputFile],
        codes: &ObjectionCodes,
        options: &ReadOptions,
        today: Day,
    ) -> Result<Collected, ExtractError> {
        let source = wishes_source()?;
        let options = ReadOptions {
            columns: Columns::Only(ENTRY_COLUMNS.map(str::to_owned).to_vec()),
            undated: Undated::Keep,
            ..options.clone()
        };
        let (read, doubtful) = read_watching(&source, files, &options, Some(codes), |batch| {
            let practices: BTreeSet<Box<str>> = batch.providers().iter().map(|practice| (**practice).into()).collect();
            (Arc::<str>::from(batch.file()), practices, entries(&batch, codes))
        })?;
        let mut collected = Collected { rows_in: read.rows_in, doubtful, ..Collected::default() };
        let mut type1: BTreeMap<(Box<str>, Box<str>), Vec<Wish>> = BTreeMap::new();
        let mut entries = Vec::new();
        for (file, practices, found) in read.results {
            collected.practices.entry(file).or_default().extend(practices);
            entries.extend(found);
        }
        for (practice, patient, recognised) in entries {
            let counts = collected.counts.entry(practice.clone()).or_default();
            match recognised {
                Recognised::NoLongerCounts(wish) => {
                    counts.no_longer_counting += 1;
                    collected.no_longer_counting.push(PatientWish { practice, patient, wish });
                }
                Recognised::Counts(wish) => {
                    counts.count(&wish);
                    match wish.scope {
                        Scope::GpRecord => type1.entry((practice, patient)).or_default().push(wish),
                        Scope::All | Scope::Source(_) => {
                            collected.persons.push(PatientWish { practice, patient, wish });
                        }
                    }
                }
            }
        }
        for ((practice, patient), wishes) in type1 {
            if stands(&wishes, &Scope::GpRecord, today) {
                collected.counts.entry(practice.clone()).or_default().patients_withheld += 1;
                collected.withholding.patients.entry(practice.clone()).or_default().insert(patient.clone());
            } else {
                collected.withdrawn.insert((practice.clone(), patient.clone()));
            }
            let of_patient = |wish| PatientWish { practice: practice.clone(), patient: patient.clone(), wish };
            collected.records.extend(wishes.into_iter().map(of_patient));
        }
        let by_patient = |a: &PatientWish, b: &PatientWish| (&a.practice, &a.patient).cmp(&(&b.practice, &b.patient));
        collected.persons.sort_by(by_patient);
        collected.no_longer_counting.sort_by(by_patient);
        Ok(collected)
    }

    /// Whether this patient's record stays at the practice.
    pub fn withholds(&self, practice: &str, patient: &str) -> bool {
        self.patients.get(practice).is_some_and(|patients| patients.contains(patient))
    }

    /// The patients of one practice who are withheld; a look-up is then one hash. `None` where there is none.
    pub fn of_practice(&self, practice: &str) -> Option<&HashSet<Box<str>>> {
        self.patients.get(practice)
    }

    /// Whether nobody is withheld.
    pub fn is_empty(&self) -> bool {
        self.patients.is_empty()
    }

    /// How many patients are withheld.
    pub fn len(&self) -> usize {
        self.patients.values().map(HashSet::len).sum()
    }
}

/// Wishes noted within a period, whatever they are about: what is watched month by month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotedInPeriod {
    /// Objections.
    pub objections: u64,
    /// Withdrawals.
    pub withdrawals: u64,
}

impl Collected {
    /// The wishes that practices noted within a period, by the day of recording, or of effect where that is missing. So a
    /// practice may send its whole history every month, or the month's entries alone.
    pub fn noted_in(&self, period: Period) -> BTreeMap<Box<str>, NotedInPeriod> {
        let mut noted: BTreeMap<Box<str>, NotedInPeriod> = BTreeMap::new();
        for said in self.records.iter().chain(&self.persons).chain(&self.no_longer_counting) {
            let day = said.wish.recorded.or(said.wish.effective);
            if day.is_some_and(|day| period.contains(day)) {
                let counts = noted.entry(said.practice.clone()).or_default();
                match said.wish.choice {
                    Choice::Object => counts.objections += 1,
                    Choice::Withdraw => counts.withdrawals += 1,
                }
            }
        }
        noted
    }
}

impl WishCounts {
    fn count(&mut self, wish: &Wish) {
        let count = match (&wish.scope, wish.choice) {
            (Scope::GpRecord, Choice::Object) => &mut self.object_gp,
            (Scope::GpRecord, Choice::Withdraw) => &mut self.withdraw_gp,
            // Journals have no codes for single other places of care.
            (Scope::All | Scope::Source(_), Choice::Object) => &mut self.object_all,
            (Scope::All | Scope::Source(_), Choice::Withdraw) => &mut self.withdraw_all,
        };
        *count += 1;
    }
}

/// The payload columns, by their names in the record, that tell a wish.
const ENTRY_COLUMNS: [&str; 3] = ["recorded_day", "code_system", "code"];

/// The journals as wishes are read from them: a wish counts from its own date alone, for which that of its recording is no
/// stand-in, and a code with words behind it is still a code.
fn wishes_source() -> Result<Source, ExtractError> {
    let mut source = Source::builtin("gp-journals")?;
    source.event_day.truncate(1);
    for column in &mut source.columns {
        column.bytes_max = usize::MAX;
    }
    Ok(source)
}

/// The entries of a batch that are wishes, with practice and patient.
fn entries(batch: &SourceBatch, codes: &ObjectionCodes) -> Vec<(Box<str>, Box<str>, Recognised)> {
    let payload = batch.payload();
    let column =
        |name| payload.column_by_name(name).expect("the built-in declaration has the columns that are asked for");
    let (systems, texts) = (column("code_system").as_string::<i32>(), column("code").as_string::<i32>());
    let recorded = column("recorded_day").as_primitive::<Date32Type>();
    let mut found = Vec::new();
    for row in (0..batch.len()).filter(|&row| codes.may_be_wish(texts.value(row))) {
        let recorded = recorded.is_valid(row).then(|| Day::from_days_since_1970(recorded.value(row)).ok()).flatten();
        let wish = codes.wish_as_written(systems.value(row), texts.value(row), batch.event_day(row), recorded);
        if let Some(wish) = wish {
            found.push((batch.provider(row).into(), batch.local_id(row).into(), wish));
        }
    }
    found
}

impl std::fmt::Debug for PatientWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PatientWish").field("practice", &self.practice).finish_non_exhaustive()
    }
}
