//! What a practice's journals say of its patients' wishes: journals in, who is withheld and what must be reported out.
//!
//! Used twice, as one type: by the practice before anything leaves, and by the centre's gate when it is given raw exports.
//!
//! Invariant: every entry that can be a wish is seen, whatever else is wrong with its row; when in doubt the patient is
//! withheld.

use crate::codes::ObjectionCodes;
use crate::error::ExtractError;
use crate::find::InputFile;
use crate::read::ReadOptions;
use caredata_model::{Day, Wish};
use std::collections::{BTreeMap, HashSet};

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
    /// Type 2 wishes that count, for the centre's register; in order of practice and patient.
    pub persons: Vec<PatientWish>,
    /// Type 2 entries recorded after the day until which they count: to be reported.
    pub no_longer_counting: Vec<PatientWish>,
    /// Entries by practice.
    pub counts: BTreeMap<Box<str>, WishCounts>,
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
        let _ = (files, codes, options, today);
        unimplemented!("being written")
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

impl std::fmt::Debug for PatientWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PatientWish").field("practice", &self.practice).finish_non_exhaustive()
    }
}
