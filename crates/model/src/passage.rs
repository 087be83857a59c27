//! The one decision on every passage of data: where a row is about to move, what stands for its person and what kind of row it is,
//! in; what becomes of it, out.
//!
//! Called wherever data moves: where a package is made, at admission, after linkage, for what is stored, at every read, and by
//! whatever hands anything out. `docs/decisions.md` shows every case, and a test holds it to this code. Invariants: whatever
//! could not be asked about is treated as objected to; an instrument lifts an objection for one use of what the law had sent to
//! us, and never widens what is taken in, kept or read by anybody else; nothing lifts a practice's own word.

use crate::Scope;
use std::fmt;

/// Where a row is about to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Passage {
    /// Out of a practice, in its package.
    Package,
    /// Into the home, by what the row itself tells.
    Admission,
    /// Into the linked record, by all that its person is known by.
    LinkedRecord,
    /// From one version of the linked record to the next: in a later run, or a purge.
    StoredRecord,
    /// To whoever reads the linked record.
    Read,
    /// Into the answer to a query.
    Query,
    /// Into an extract that is released.
    Release,
    /// Into a measure of care.
    Indicators,
    /// Into the report that a person is given of their own choices, and of what was done with data about them.
    SubjectReport,
}

/// What kind of row it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowKind {
    /// A registration or an entry of a GP record.
    Gp,
    /// A row of a hospital.
    Hospital,
    /// A row of another, declared place of care.
    Declared,
    /// A row of the table of persons that rests on a registration.
    PersonOfPractice,
    /// A row of the table of persons that rests on other places' rows alone.
    PersonOfOthers,
}

/// What stands for a row's person, or is lacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The register was asked, and nothing stands.
    Silent,
    /// A type 1 objection, by the last word of the practice whose row it is.
    NotedAtPractice,
    /// The practice's package says that sending has ended by objection, by a token.
    StoppedToken,
    /// A type 1 objection told elsewhere.
    Type1,
    /// A type 2 objection.
    Type2,
    /// An objection to the place of care that the row is of.
    OneSource,
    /// The national file has not let the person through by an answer that counts.
    NationalFile,
    /// The register could not be asked about the person, or nobody answers for it.
    NotAsked,
}

/// Whether an instrument in force lets this use go ahead despite objections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instrument {
    /// None does.
    None,
    /// One does: for this use, these data and this day.
    Lifted,
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It passes.
    Leaves,
    /// It does not pass, and nothing of it is kept on the other side.
    Withheld,
    /// It lies under seal, apart from the record; its identifiers are held for matching alone.
    Sealed,
    /// It is not kept; its identifiers are held for matching alone.
    HeldForMatching,
    /// It is no part of the next version; the next purge destroys every earlier one.
    DestroyedAtPurge,
}

impl Passage {
    /// All of them, as data flows.
    pub const ALL: [Self; 9] = [
        Self::Package,
        Self::Admission,
        Self::LinkedRecord,
        Self::StoredRecord,
        Self::Read,
        Self::Query,
        Self::Release,
        Self::Indicators,
        Self::SubjectReport,
    ];
}

impl RowKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Gp, Self::Hospital, Self::Declared, Self::PersonOfPractice, Self::PersonOfOthers];

    /// Whether the row is a GP record's, or rests on one: then a type 1 objection covers it.
    pub const fn is_of_practice(self) -> bool {
        match self {
            Self::Gp | Self::PersonOfPractice => true,
            Self::Hospital | Self::Declared | Self::PersonOfOthers => false,
        }
    }
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Silent,
        Self::NotedAtPractice,
        Self::StoppedToken,
        Self::Type1,
        Self::Type2,
        Self::OneSource,
        Self::NationalFile,
        Self::NotAsked,
    ];

    /// As an objection of which scope it is weighed with others; of one place of care, by that place's name.
    pub const fn weighed_as(self) -> Option<Scope> {
        match self {
            Self::NotedAtPractice | Self::StoppedToken | Self::Type1 => Some(Scope::GpRecord),
            Self::Type2 | Self::NationalFile => Some(Scope::All),
            Self::Silent | Self::OneSource | Self::NotAsked => None,
        }
    }

    /// Whether it covers rows of this kind. One place of care is the row's own, or it would not be named.
    const fn covers(self, row: RowKind) -> bool {
        match self {
            Self::Silent => false,
            Self::NotedAtPractice | Self::StoppedToken | Self::Type1 => row.is_of_practice(),
            Self::Type2 | Self::OneSource | Self::NationalFile | Self::NotAsked => true,
        }
    }

    /// Whether an instrument may lift it, of rows that the law had sent to us.
    const fn can_be_lifted(self) -> bool {
        match self {
            Self::Type2 | Self::OneSource | Self::NationalFile => true,
            Self::Silent | Self::NotedAtPractice | Self::StoppedToken | Self::Type1 | Self::NotAsked => false,
        }
    }
}

/// What becomes of a row on its passage, by one of the causes that stand for its person. Where several do, whoever asks takes the
/// one that keeps least.
///
/// ```
/// use caredata_model::{Cause, Instrument, Passage, RowKind, Verdict, may_pass};
/// let ask = |passage, row, cause| may_pass(passage, row, cause, Instrument::None);
/// assert_eq!(ask(Passage::Read, RowKind::Hospital, Cause::Silent), Verdict::Leaves);
/// assert_eq!(ask(Passage::Read, RowKind::Hospital, Cause::Type2), Verdict::Withheld);
/// assert_eq!(ask(Passage::Admission, RowKind::Hospital, Cause::Type2), Verdict::Sealed);
/// assert_eq!(ask(Passage::Admission, RowKind::Hospital, Cause::Type1), Verdict::Leaves);
/// ```
pub const fn may_pass(passage: Passage, row: RowKind, cause: Cause, instrument: Instrument) -> Verdict {
    match passage {
        Passage::Package => out_of_a_practice(row, cause),
        Passage::Admission => match row {
            RowKind::Gp | RowKind::Hospital | RowKind::Declared => into_the_home(row, cause),
            // The home makes these itself.
            RowKind::PersonOfPractice | RowKind::PersonOfOthers => Verdict::Withheld,
        },
        Passage::LinkedRecord => into_the_home(row, cause),
        Passage::StoredRecord => match into_the_home(row, cause) {
            Verdict::Withheld | Verdict::HeldForMatching | Verdict::DestroyedAtPurge => Verdict::DestroyedAtPurge,
            kept @ (Verdict::Leaves | Verdict::Sealed) => kept,
        },
        Passage::Read => out_of_the_record(row, cause, Instrument::None),
        Passage::Query | Passage::Release | Passage::Indicators => out_of_the_record(row, cause, instrument),
        // It holds no rows, only what was said and done; and it is the person's own.
        Passage::SubjectReport => Verdict::Leaves,
    }
}

/// A practice sends its own rows alone. A type 2 objection goes with them: it is for the centre to honour, of everybody's rows.
const fn out_of_a_practice(row: RowKind, cause: Cause) -> Verdict {
    match (row, cause) {
        (RowKind::Hospital | RowKind::Declared | RowKind::PersonOfPractice | RowKind::PersonOfOthers, _)
        | (RowKind::Gp, Cause::NotedAtPractice | Cause::StoppedToken | Cause::NotAsked) => Verdict::Withheld,
        (RowKind::Gp, Cause::Silent | Cause::Type1 | Cause::Type2 | Cause::OneSource | Cause::NationalFile) => {
            Verdict::Leaves
        }
    }
}

const fn into_the_home(row: RowKind, cause: Cause) -> Verdict {
    if !cause.covers(row) {
        return Verdict::Leaves;
    }
    match (row, cause) {
        // A GP record objected to stays at the practice.
        (RowKind::Gp, Cause::NotedAtPractice | Cause::StoppedToken)
        // A row of persons is made anew from what may stay.
        | (RowKind::PersonOfPractice | RowKind::PersonOfOthers, _) => Verdict::Withheld,
        // Without its identifiers the person's other rows would be linked to somebody else and published.
        (
            RowKind::Gp,
            Cause::Silent | Cause::Type1 | Cause::Type2 | Cause::OneSource | Cause::NationalFile | Cause::NotAsked,
        ) => Verdict::HeldForMatching,
        // The law has sent it to us: a withdrawal or a lawful instrument opens it, nothing else.
        (RowKind::Hospital | RowKind::Declared, _) => Verdict::Sealed,
    }
}

const fn out_of_the_record(row: RowKind, cause: Cause, instrument: Instrument) -> Verdict {
    let is_lifted = match instrument {
        Instrument::None => false,
        Instrument::Lifted => cause.can_be_lifted() && !row.is_of_practice(),
    };
    if cause.covers(row) && !is_lifted { Verdict::Withheld } else { Verdict::Leaves }
}

impl fmt::Display for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Package => "Out of a practice, in its package",
            Self::Admission => "Into the home, by what the row itself tells",
            Self::LinkedRecord => "Into the linked record, by all that the person is known by",
            Self::StoredRecord => "From one version of the linked record to the next, by a run or a purge",
            Self::Read => "To whoever reads the linked record",
            Self::Query => "Into the answer to a query",
            Self::Release => "Into an extract that is released",
            Self::Indicators => "Into a measure of care",
            Self::SubjectReport => "Into the report to the person themselves",
        })
    }
}

impl fmt::Display for RowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gp => "GP row",
            Self::Hospital => "hospital row",
            Self::Declared => "row of another place of care",
            Self::PersonOfPractice => "person's row, told by a practice",
            Self::PersonOfOthers => "person's row, told by others alone",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "nothing: the register was asked",
            Self::NotedAtPractice => "type 1, noted at the practice itself",
            Self::StoppedToken => "sending stopped, told by a token",
            Self::Type1 => "type 1, told elsewhere",
            Self::Type2 => "type 2",
            Self::OneSource => "an objection to this place of care",
            Self::NationalFile => "not let through by the national file",
            Self::NotAsked => "the register could not be asked",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leaves => "passes",
            Self::Withheld => "withheld",
            Self::Sealed => "sealed",
            Self::HeldForMatching => "held for matching alone",
            Self::DestroyedAtPurge => "out, destroyed at the purge",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;
    use std::path::Path;

    fn table(page: &mut String, passage: Passage, instrument: Instrument) {
        let heads = RowKind::ALL.map(|row| row.to_string()).join(" | ");
        write!(page, "\n| what stands | {heads} |\n|---|---|---|---|---|---|\n").expect("text");
        for cause in Cause::ALL {
            let cells = RowKind::ALL.map(|row| may_pass(passage, row, cause, instrument).to_string()).join(" | ");
            writeln!(page, "| {cause} | {cells} |").expect("text");
        }
    }

    /// The page, as the code has it.
    fn page() -> String {
        let mut page = String::from(
            "# What becomes of a row, wherever data moves\n\nMade from the code; a test fails where the two differ. Each table is of \
             one passage, each line of what stands for the row's\nperson. *Sealed* and *held for matching alone* keep identifiers in \
             the vault, so that the person's other rows are not linked to\nsomebody else and published; what is *withheld* \
             leaves nothing on the other side. Where several things stand, the one that keeps\nleast decides, but for one case: where a \
             practice notes type 1 and type 2 stands too, the registration is held for matching\nalone. A package is of GP rows alone, \
             and the table of persons is made in the home.\n",
        );
        for passage in Passage::ALL {
            write!(page, "\n## {passage}\n").expect("text");
            table(&mut page, passage, Instrument::None);
            let ask =
                |instrument| RowKind::ALL.map(|row| Cause::ALL.map(|cause| may_pass(passage, row, cause, instrument)));
            if ask(Instrument::None) == ask(Instrument::Lifted) {
                page.push_str("\nThe same with an instrument in force.\n");
            } else {
                page.push_str("\nUnder an instrument in force for this use:\n");
                table(&mut page, passage, Instrument::Lifted);
            }
        }
        page
    }

    /// With `CAREDATA_BLESS=1` the page is written anew; read the change before you keep it.
    #[test]
    fn the_page_for_people_says_what_the_code_does() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/decisions.md");
        let page = page();
        if std::env::var_os("CAREDATA_BLESS").is_some() {
            std::fs::write(&file, &page).expect("the page can be written");
        }
        let agreed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(agreed == page, "docs/decisions.md should read:\n{page}");
    }

    fn every_case() -> impl Iterator<Item = (Passage, RowKind, Cause, Instrument)> {
        let causes = |passage, row| Cause::ALL.map(|cause| (passage, row, cause));
        let rows = Passage::ALL.into_iter().flat_map(|passage| RowKind::ALL.map(|row| (passage, row)));
        rows.flat_map(move |(passage, row)| causes(passage, row)).flat_map(|(passage, row, cause)| {
            [Instrument::None, Instrument::Lifted].map(|instrument| (passage, row, cause, instrument))
        })
    }

    #[test]
    fn nothing_objected_to_passes_where_rows_are_handed_on() {
        for (passage, row, cause, _) in every_case() {
            let covered = match cause {
                Cause::Silent => false,
                Cause::NotedAtPractice | Cause::StoppedToken | Cause::Type1 => row.is_of_practice(),
                Cause::Type2 | Cause::OneSource | Cause::NationalFile | Cause::NotAsked => true,
            };
            let is_asked = passage != Passage::Package && passage != Passage::SubjectReport;
            if covered && is_asked {
                assert_ne!(
                    may_pass(passage, row, cause, Instrument::None),
                    Verdict::Leaves,
                    "{passage}: {row}, {cause}"
                );
            }
        }
    }

    #[test]
    fn an_instrument_never_widens_what_is_held_or_read_and_lifts_no_practices_word() {
        for (passage, row, cause, instrument) in every_case() {
            let (with, without) =
                (may_pass(passage, row, cause, instrument), may_pass(passage, row, cause, Instrument::None));
            let is_a_use = matches!(passage, Passage::Query | Passage::Release | Passage::Indicators);
            let can_be = matches!(cause, Cause::Type2 | Cause::OneSource | Cause::NationalFile);
            if !is_a_use || !can_be || row.is_of_practice() {
                assert_eq!(with, without, "{passage}: {row}, {cause}");
            }
        }
    }

    /// The register weighs them as those, so that the tables must not tell them apart.
    #[test]
    fn a_token_is_the_practices_word_and_a_national_file_speaks_for_the_person() {
        for (passage, row, cause, instrument) in every_case() {
            let as_cause = match cause {
                Cause::StoppedToken => Cause::NotedAtPractice,
                Cause::NationalFile => Cause::Type2,
                Cause::Silent
                | Cause::NotedAtPractice
                | Cause::Type1
                | Cause::Type2
                | Cause::OneSource
                | Cause::NotAsked => cause,
            };
            let ask = |cause| may_pass(passage, row, cause, instrument);
            assert_eq!(ask(cause), ask(as_cause), "{passage}: {row}, {cause}");
        }
    }

    #[test]
    fn what_is_in_the_record_is_what_may_be_read() {
        for (_, row, cause, _) in every_case() {
            let passes = |passage| may_pass(passage, row, cause, Instrument::None) == Verdict::Leaves;
            assert_eq!(passes(Passage::LinkedRecord), passes(Passage::StoredRecord), "{row}, {cause}");
            assert_eq!(passes(Passage::StoredRecord), passes(Passage::Read), "{row}, {cause}");
        }
    }
}
