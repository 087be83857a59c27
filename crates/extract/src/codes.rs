//! Code sets that decide what may leave: objections and withdrawals, and sensitive entries. Versioned TOML in, checked sets
//! out.
//!
//! Invariants: no set is empty; no kind of objection can be recorded without a way back; a code is recognised in every form
//! in which journals write it; when in doubt, an objection counts and a withdrawal does not.

use crate::error::{CodeSetProblem, ExtractError};
use caredata_model::{Choice, CodeSystem, Day, Scope, Wish};
use serde::Deserialize;
use std::collections::HashMap;

/// The codes by which journals note objections and their withdrawals.
///
/// ```
/// use caredata_extract::{ObjectionCodes, Recognised};
/// use caredata_model::{Choice, CodeSystem, Scope};
/// let codes = ObjectionCodes::builtin();
/// let Some(Recognised::Counts(wish)) = codes.wish(CodeSystem::Read2, "9Nu0.00", None, None) else { panic!() };
/// assert_eq!((wish.scope, wish.choice), (Scope::GpRecord, Choice::Object));
/// assert!(codes.wish(CodeSystem::Read2, "H33..", None, None).is_none());
/// ```
#[derive(Clone, Debug)]
pub struct ObjectionCodes {
    version: String,
    object_all_recorded_until: Day,
    meanings: BySystem<Meaning>,
    /// Beginnings of the codes: a cheap first test on the millions of entries that are no wish.
    first_bytes: [bool; 256],
}

/// The meaning of one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Meaning {
    ObjectGp,
    WithdrawGp,
    ObjectAll,
    WithdrawAll,
}

/// An entry recognised as a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// The wish counts.
    Counts(Wish),
    /// A type 2 entry recorded after the day until which these count ([`ObjectionCodes::object_all_recorded_until`]):
    /// to be reported.
    NoLongerCounts(Wish),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredObjections {
    version: String,
    object_all_recorded_until: String,
    codes: Vec<DeclaredCode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredCode {
    means: Meaning,
    system: String,
    code: String,
    /// Whether the code could be confirmed from a published list; for the reader of the file.
    #[serde(rename = "certain")]
    _certain: bool,
}

impl ObjectionCodes {
    /// The set shipped with the program.
    ///
    /// # Panics
    /// Never: a test reads the shipped set.
    pub fn builtin() -> Self {
        Self::parse(include_str!("../codes/objections.toml")).expect("the shipped set is read by a test")
    }

    /// Reads a set from TOML.
    ///
    /// # Errors
    /// [`ExtractError::CodeSet`]: not of the form, empty, without withdrawals, or with a code of two meanings.
    pub fn parse(text: &str) -> Result<Self, ExtractError> {
        parse_objections(text).map_err(|problem| ExtractError::CodeSet { set: "of objections".to_owned(), problem })
    }

    /// The set's version, for manifests and reports.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The last recording day on which a type 2 entry counts.
    pub const fn object_all_recorded_until(&self) -> Day {
        self.object_all_recorded_until
    }

    /// The wish that an entry of a journal states, if it states one. The code may be written in any form: `9Nu0`, `9Nu0.`,
    /// `9Nu0.00`, `XaZ89`, with spaces about it.
    ///
    /// `event_date` is the day from which the wish counts, `recorded_date` that of its entry; `None` where missing or no
    /// date.
    pub fn wish(
        &self,
        system: CodeSystem,
        code: &str,
        event_date: Option<Day>,
        recorded_date: Option<Day>,
    ) -> Option<Recognised> {
        let meaning = self.meaning(system, code)?;
        Some(self.judge(meaning, event_date, recorded_date))
    }

    /// As [`ObjectionCodes::wish`], for an entry whose code system is whatever the file says. A code that means nothing in that
    /// system counts where it means an objection in any other, and does not where it means a withdrawal.
    pub fn wish_as_written(
        &self,
        system: &str,
        code: &str,
        event_date: Option<Day>,
        recorded_date: Option<Day>,
    ) -> Option<Recognised> {
        let in_its_system = system_as_written(system).and_then(|system| self.meaning(system, code));
        let meaning = in_its_system.or_else(|| self.objection_in_any_system(code))?;
        Some(self.judge(meaning, event_date, recorded_date))
    }

    /// Whether a code means an objection or a withdrawal in any system: such codes are never payload.
    pub fn is_objection_code(&self, code: &str) -> bool {
        CodeSystem::ALL.into_iter().any(|system| self.meaning(system, code).is_some())
    }

    /// Whether a code could be a wish in some system: a test of one byte.
    #[inline]
    pub(crate) fn may_be_wish(&self, code: &str) -> bool {
        let is_space = |first: u8| first.is_ascii_whitespace() || !first.is_ascii();
        code.as_bytes().first().is_some_and(|&first| self.first_bytes[usize::from(first)] || is_space(first))
    }

    /// Whether the text of a row that cannot be read has a field with the code of an objection.
    pub(crate) fn may_hold_objection(&self, row: &str) -> bool {
        crate::practice::fields(row).any(|field| self.objection_in_any_system(field).is_some())
    }

    fn objection_in_any_system(&self, code: &str) -> Option<Meaning> {
        CodeSystem::ALL.into_iter().find_map(|system| {
            self.meaning(system, code).filter(|meaning| matches!(meaning, Meaning::ObjectGp | Meaning::ObjectAll))
        })
    }

    fn meaning(&self, system: CodeSystem, code: &str) -> Option<Meaning> {
        let code = normal_form(system, code);
        if !self.first_bytes[usize::from(*code.as_bytes().first()?)] {
            return None;
        }
        self.meanings.get(system, code).copied()
    }

    fn judge(&self, meaning: Meaning, event_date: Option<Day>, recorded_date: Option<Day>) -> Recognised {
        let (scope, choice) = match meaning {
            Meaning::ObjectGp => (Scope::GpRecord, Choice::Object),
            Meaning::WithdrawGp => (Scope::GpRecord, Choice::Withdraw),
            Meaning::ObjectAll => (Scope::All, Choice::Object),
            Meaning::WithdrawAll => (Scope::All, Choice::Withdraw),
        };
        let until = self.object_all_recorded_until;
        let too_late = match (&scope, choice) {
            (Scope::GpRecord | Scope::Source(_), _) => false,
            // Without a recording day nobody can say that it came too late: the objection holds.
            (Scope::All, Choice::Object) => recorded_date.is_some_and(|day| day > until),
            (Scope::All, Choice::Withdraw) => recorded_date.or(event_date).is_none_or(|day| day > until),
        };
        let wish = Wish { scope, choice, effective: event_date, recorded: recorded_date };
        if too_late { Recognised::NoLongerCounts(wish) } else { Recognised::Counts(wish) }
    }
}

fn parse_objections(text: &str) -> Result<ObjectionCodes, CodeSetProblem> {
    let declared: DeclaredObjections = from_toml(text)?;
    let until = Day::parse(&declared.object_all_recorded_until)
        .map_err(|error| CodeSetProblem::Form(format!("object_all_recorded_until: {error}")))?;
    if declared.codes.is_empty() {
        return Err(CodeSetProblem::Empty);
    }
    let mut meanings = BySystem::default();
    let mut first_bytes = [false; 256];
    let mut rounded = Vec::new();
    for entry in declared.codes {
        let system = CodeSystem::parse(&entry.system)
            .ok_or_else(|| CodeSetProblem::Form(format!("there is no code system `{}`", entry.system)))?;
        let code: Box<str> = normal_form(system, &entry.code).into();
        let Some(&first) = code.as_bytes().first() else {
            return Err(CodeSetProblem::Form("a code is empty".to_owned()));
        };
        first_bytes[usize::from(first)] = true;
        rounded.extend(spreadsheet_form(&code).map(|form| (system, form, entry.means)));
        if meanings.insert(system, code, entry.means).is_some_and(|before| before != entry.means) {
            return Err(CodeSetProblem::TwoMeanings { system, code: entry.code });
        }
    }
    for system in CodeSystem::ALL {
        let has = |wanted| meanings.of(system).values().any(|&meaning| meaning == wanted);
        for (object, withdraw, scope) in [
            (Meaning::ObjectGp, Meaning::WithdrawGp, "object-gp"),
            (Meaning::ObjectAll, Meaning::WithdrawAll, "object-all"),
        ] {
            if has(object) && !has(withdraw) {
                return Err(CodeSetProblem::NoWithdrawals { system, scope });
            }
        }
    }
    // In doubt the objection holds: what a spreadsheet rounded may mean an objection, and is never taken for a withdrawal.
    for (system, form, meaning) in rounded {
        match meaning {
            Meaning::ObjectGp | Meaning::ObjectAll => {
                meanings.insert(system, form, meaning);
            }
            Meaning::WithdrawGp | Meaning::WithdrawAll => {}
        }
    }
    Ok(ObjectionCodes { version: declared.version, object_all_recorded_until: until, meanings, first_bytes })
}

/// Codes of entries that stay at the practice, whoever they are about.
#[derive(Clone, Debug)]
pub struct SensitiveCodes {
    version: String,
    sample: bool,
    subjects: Vec<String>,
    /// Whole codes, and beginnings of Read codes; the number is the place of the subject.
    whole: BySystem<usize>,
    beginnings: BySystem<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredSensitive {
    version: String,
    sample: bool,
    sets: Vec<DeclaredSubject>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredSubject {
    subject: String,
    /// Where the list comes from; for the reader of the file.
    #[serde(rename = "source")]
    _source: String,
    #[serde(default)]
    read2: Vec<String>,
    #[serde(default)]
    ctv3: Vec<String>,
    #[serde(default)]
    snomed: Vec<String>,
    #[serde(default)]
    dmd: Vec<String>,
}

impl SensitiveCodes {
    /// The sample shipped with the program.
    ///
    /// # Panics
    /// Never: a test reads the shipped set.
    pub fn builtin() -> Self {
        Self::parse(include_str!("../codes/sensitive.toml")).expect("the shipped set is read by a test")
    }

    /// Reads a set from TOML.
    ///
    /// # Errors
    /// [`ExtractError::CodeSet`]: not of the form, or empty.
    pub fn parse(text: &str) -> Result<Self, ExtractError> {
        let refused = |problem| ExtractError::CodeSet { set: "of sensitive entries".to_owned(), problem };
        let declared: DeclaredSensitive = from_toml(text).map_err(refused)?;
        let mut codes = Self {
            version: declared.version,
            sample: declared.sample,
            subjects: Vec::new(),
            whole: BySystem::default(),
            beginnings: BySystem::default(),
        };
        for (subject, set) in declared.sets.into_iter().enumerate() {
            codes.subjects.push(set.subject);
            for (system, list) in CodeSystem::ALL.into_iter().zip([set.read2, set.ctv3, set.snomed, set.dmd]) {
                for code in list {
                    let code: Box<str> = normal_form(system, &code).into();
                    if code.is_empty() {
                        return Err(refused(CodeSetProblem::Form("a code is empty".to_owned())));
                    }
                    let begins = matches!(system, CodeSystem::Read2 | CodeSystem::Ctv3) && code.len() < READ_BYTES;
                    if begins { &mut codes.beginnings } else { &mut codes.whole }.insert(system, code, subject);
                }
            }
        }
        if codes.whole.is_empty() && codes.beginnings.is_empty() {
            return Err(refused(CodeSetProblem::Empty));
        }
        Ok(codes)
    }

    /// The set's version, for manifests and reports.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether the set is a sample, not an agreed list.
    pub const fn is_sample(&self) -> bool {
        self.sample
    }

    /// What the entry is about, where it is sensitive. An entry of an unknown system is looked up in all of them.
    pub fn subject(&self, system: &str, code: &str) -> Option<&str> {
        let subject = match system_as_written(system) {
            Some(system) => self.subject_in(system, code),
            None => CodeSystem::ALL.into_iter().find_map(|system| self.subject_in(system, code)),
        };
        subject.map(|subject| self.subjects[subject].as_str())
    }

    fn subject_in(&self, system: CodeSystem, code: &str) -> Option<usize> {
        let code = normal_form(system, code);
        if let Some(&subject) = self.whole.get(system, code) {
            return Some(subject);
        }
        match system {
            CodeSystem::Read2 | CodeSystem::Ctv3 => (1..READ_BYTES)
                .filter_map(|end| code.get(..end))
                .find_map(|start| self.beginnings.get(system, start).copied()),
            CodeSystem::Snomed | CodeSystem::Dmd => None,
        }
    }
}

/// A map of codes for each code system, looked up without making a key.
#[derive(Clone, Debug)]
struct BySystem<T>([HashMap<Box<str>, T>; 4]);

impl<T> Default for BySystem<T> {
    fn default() -> Self {
        Self(CodeSystem::ALL.map(|_| HashMap::new()))
    }
}

impl<T> BySystem<T> {
    const fn of(&self, system: CodeSystem) -> &HashMap<Box<str>, T> {
        &self.0[system as usize]
    }

    fn get(&self, system: CodeSystem, code: &str) -> Option<&T> {
        self.of(system).get(code)
    }

    fn insert(&mut self, system: CodeSystem, code: Box<str>, value: T) -> Option<T> {
        self.0[system as usize].insert(code, value)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(HashMap::is_empty)
    }
}

/// Read codes have five bytes; what follows is a term code.
const READ_BYTES: usize = 5;

/// A code as the sets hold it, however a journal writes it.
fn normal_form(system: CodeSystem, code: &str) -> &str {
    let code = system.normalise(code.trim());
    match system {
        CodeSystem::Ctv3 => code.get(..READ_BYTES).unwrap_or(code).trim_end_matches('.'),
        CodeSystem::Read2 => code,
        // A spreadsheet that took the code for a number writes a fraction behind it.
        CodeSystem::Snomed | CodeSystem::Dmd => code.strip_suffix(".0").unwrap_or(code),
    }
}

/// A long number as spreadsheets show it, `827241000000103` as `8.27241E+14`; `None` for what they leave alone.
fn spreadsheet_form(code: &str) -> Option<Box<str>> {
    let is_long = code.len() >= 12 && code.bytes().all(|byte| byte.is_ascii_digit());
    is_long.then(|| format!("{}.{}E+{}", &code[..1], &code[1..6], code.len() - 1).into())
}

/// The code system a journal names, in whatever case.
fn system_as_written(text: &str) -> Option<CodeSystem> {
    CodeSystem::parse(text).or_else(|| CodeSystem::parse(&text.trim().to_ascii_lowercase()))
}

fn from_toml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, CodeSetProblem> {
    toml::from_str(text).map_err(|error| CodeSetProblem::Form(error.to_string().trim_end().replace('\n', " ")))
}
