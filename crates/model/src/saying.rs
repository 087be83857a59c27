//! How a wish was said: by whom, through which door, and in what form the person wants to hear from us.
//!
//! Words from the register, a file or the command line in, closed lists out; and the two small rules of who may say a wish
//! for whom. Invariant: an objection is always taken, whoever says it; a withdrawal only from the person, or from somebody
//! who may act for them. `docs/who-may-record.md` shows every case, and a test holds it to this code.

use crate::{Choice, Scope};
use std::fmt;

/// The word is in none of the closed lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of the words known here")]
pub struct NotAWord;

/// A closed list of words: the enum, its words for files and for people, and reading one back.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$each:meta])* $case:ident = $word:literal $(, also $($other:literal)+)?;)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$each])* $case,)+ }

        impl $name {
            /// Every case, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The word for it in files, on the command line and in the register.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$case => $word,)+ }
            }

            /// Reads a word, in any case of letters, with blanks, `-` or `_` between its parts.
            ///
            /// # Errors
            /// [`NotAWord`].
            pub fn parse(text: &str) -> Result<Self, NotAWord> {
                match plain(text).as_str() {
                    $($word $($(| $other)+)? => Ok(Self::$case),)+
                    _ => Err(NotAWord),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

/// A text as the lists write their words: small letters, one `-` between parts.
fn plain(text: &str) -> String {
    let parts = text.split(|character: char| character.is_whitespace() || character == '-' || character == '_');
    parts.filter(|part| !part.is_empty()).map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

words! {
    /// Who says the wish.
    ///
    /// ```
    /// use caredata_model::Speaker;
    /// assert_eq!(Speaker::parse("Mother"), Ok(Speaker::Parent));
    /// assert!(Speaker::parse("desk 3").is_err());
    /// ```
    Speaker {
        /// The person whose records they are.
        Person = "person", also "patient" "self" "the-person" "the-patient";
        /// A parent.
        Parent = "parent", also "mother" "father" "a-parent";
        /// Somebody else with parental responsibility.
        Guardian = "guardian", also "a-guardian";
        /// Somebody with a lasting power of attorney for health and welfare.
        Attorney = "attorney", also "an-attorney";
        /// Somebody whom a court appointed to decide about care.
        Deputy = "deputy", also "a-deputy";
        /// Anybody near the person without a power to act for them.
        Relative = "relative", also "carer" "friend" "advocate" "a-relative" "a-carer";
        /// Who settles the affairs of somebody who has died.
        Representative = "representative", also "executor" "personal-representative";
        /// A practice, of its own accord.
        Practice = "practice", also "the-practice" "gp";
        /// A hospital, of its own accord.
        Hospital = "hospital", also "the-hospital";
        /// Somebody whom none of these words names; what was said stands beside.
        Other = "other";
        /// A register or file that came from elsewhere does not say.
        NotStated = "not-stated", also "";
    }
}

words! {
    /// The door through which a wish reached us.
    Door {
        /// Said at a practice.
        Practice = "practice", also "gp" "the-practice" "surgery";
        /// Said at a hospital.
        Hospital = "hospital", also "the-hospital";
        /// Said to the patient line.
        PatientLine = "patient-line", also "telephone" "phone" "the-patient-line";
        /// Written to us.
        Letter = "letter", also "a-letter" "post" "form";
        /// Brought by a national file of objections.
        NationalFile = "national-file", also "national";
        /// An entry of a GP record.
        Journal = "journal";
        /// A way that none of these words names; what was said stands beside.
        Other = "other";
        /// Nobody said.
        NotStated = "not-stated", also "";
    }
}

words! {
    /// A form in which the person can read or hear what we tell them.
    Format {
        /// Large print.
        LargePrint = "large-print";
        /// Braille.
        Braille = "braille";
        /// Spoken, on a recording.
        Audio = "audio";
        /// Easy words and pictures.
        EasyRead = "easy-read";
        /// A text phone, or a relay of one.
        TextPhone = "text-phone", also "textphone";
        /// Translated, or with an interpreter.
        Translation = "translation", also "interpreter";
    }
}

words! {
    /// How old the person is, as far as it decides who may speak for them.
    AgeBand {
        /// Nobody said.
        NotStated = "not-stated", also "";
        /// Under 13: too young to take an objection back alone.
        Under13 = "under-13";
        /// 13, 14 or 15: old enough to have a word of their own, which a parent does not replace.
        From13To15 = "13-to-15";
        /// 16 or older.
        From16 = "16-or-over", also "adult" "16";
    }
}

/// A language by its tag, such as `en`, `pl` or `zh-Hant`, of the form of RFC 5646 (BCP 47).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(String);

impl Language {
    /// A tag: a language of two or three letters, then subtags of two to eight letters or digits, 35 characters at most.
    ///
    /// ```
    /// use caredata_model::Language;
    /// assert_eq!(Language::parse("zh-Hant").unwrap().as_str(), "zh-Hant");
    /// assert!(Language::parse("Polish please").is_err());
    /// ```
    ///
    /// # Errors
    /// [`NotAWord`].
    pub fn parse(text: &str) -> Result<Self, NotAWord> {
        let mut parts = text.split('-');
        let language = parts.next().unwrap_or_default();
        let fits = (2..=3).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_alphabetic())
            && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            && text.len() <= 35
            // Nothing that could be a number of a patient.
            && text.bytes().filter(u8::is_ascii_digit).count() < 6;
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAWord) }
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What somebody brings who acts for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mandate {
    /// Nothing that can be looked up.
    None,
    /// The reference of a power of attorney or of a court's order.
    Referenced,
}

/// Whose records a wish is about, as far as it decides who may note it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// The GP record.
    GpRecord,
    /// Records from anywhere.
    Everything,
    /// Hospitals' records.
    Hospitals,
    /// Records of another place of care.
    Elsewhere,
}

impl About {
    /// Every case.
    pub const ALL: [Self; 4] = [Self::GpRecord, Self::Everything, Self::Hospitals, Self::Elsewhere];

    /// What a scope is about; `is_hospital` tells a hospital's source from any other.
    pub fn of(scope: &Scope, is_hospital: impl FnOnce(&str) -> bool) -> Self {
        match scope {
            Scope::GpRecord => Self::GpRecord,
            Scope::All => Self::Everything,
            Scope::Source(name) if is_hospital(name.as_str()) => Self::Hospitals,
            Scope::Source(_) => Self::Elsewhere,
        }
    }
}

/// Why a withdrawal is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refusal {
    /// Who speaks has no power to act for the person.
    #[error("only the person, or somebody who may act for them, takes an objection back")]
    NotTheirs,
    /// A child too young to do it alone.
    #[error("for a child under 13 a parent or guardian takes an objection back")]
    TooYoung,
    /// A child with a word of their own.
    #[error("from 13 on it is the child's own word that takes an objection back")]
    OldEnough,
    /// A parent, of somebody who may be grown up.
    #[error("a parent or guardian takes an objection back for a child under 13 only, and the age is not stated")]
    AgeNotStated,
    /// An attorney or deputy without anything to look up.
    #[error("an attorney or deputy states the reference of the power or order")]
    NoReference,
    /// A hospital, about records that are not a hospital's.
    #[error("a hospital notes a withdrawal about hospitals' records only")]
    NotTheHospitals,
    /// Journals and national files are read, not written here.
    #[error("what stands in a journal or a national file is taken back there")]
    NotByHand,
}

impl Refusal {
    /// A short word that stays the same, for the log.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotTheirs => "not-theirs",
            Self::TooYoung => "too-young",
            Self::OldEnough => "old-enough",
            Self::AgeNotStated => "age-not-stated",
            Self::NoReference => "no-reference",
            Self::NotTheHospitals => "not-the-hospitals",
            Self::NotByHand => "not-by-hand",
        }
    }
}

/// Whether a wish is taken from this speaker. An objection is, from anybody.
///
/// ```
/// use caredata_model::{may_speak, AgeBand, Choice, Mandate, Speaker};
/// let ask = |choice, by, age| may_speak(choice, by, age, Mandate::None).is_ok();
/// assert!(ask(Choice::Object, Speaker::Relative, AgeBand::NotStated));
/// assert!(ask(Choice::Withdraw, Speaker::Parent, AgeBand::Under13));
/// assert!(!ask(Choice::Withdraw, Speaker::Parent, AgeBand::From13To15));
/// ```
///
/// # Errors
/// [`Refusal`], of a withdrawal.
pub const fn may_speak(choice: Choice, by: Speaker, age: AgeBand, mandate: Mandate) -> Result<(), Refusal> {
    match choice {
        Choice::Object => return Ok(()),
        Choice::Withdraw => {}
    }
    match (by, age, mandate) {
        (Speaker::Person, AgeBand::Under13, _) => Err(Refusal::TooYoung),
        (Speaker::Parent | Speaker::Guardian, AgeBand::From13To15 | AgeBand::From16, _) => Err(Refusal::OldEnough),
        (Speaker::Parent | Speaker::Guardian, AgeBand::NotStated, _) => Err(Refusal::AgeNotStated),
        (Speaker::Attorney | Speaker::Deputy, _, Mandate::None) => Err(Refusal::NoReference),
        (
            Speaker::Relative | Speaker::Representative | Speaker::Practice | Speaker::Hospital | Speaker::Other,
            _,
            _,
        ) => Err(Refusal::NotTheirs),
        // Whoever sent a register from elsewhere answers for whose word it is, as they always did.
        (Speaker::NotStated, _, _)
        | (Speaker::Person, AgeBand::NotStated | AgeBand::From13To15 | AgeBand::From16, _)
        | (Speaker::Parent | Speaker::Guardian, AgeBand::Under13, _)
        | (Speaker::Attorney | Speaker::Deputy, _, Mandate::Referenced) => Ok(()),
    }
}

/// Whether a wish may be noted by hand as having come through this door. An objection may, through any.
///
/// # Errors
/// [`Refusal`], of a withdrawal.
pub const fn may_enter(choice: Choice, through: Door, about: About) -> Result<(), Refusal> {
    match choice {
        Choice::Object => return Ok(()),
        Choice::Withdraw => {}
    }
    match (through, about) {
        (Door::Journal | Door::NationalFile, _) => Err(Refusal::NotByHand),
        (Door::Hospital, About::GpRecord | About::Everything | About::Elsewhere) => Err(Refusal::NotTheHospitals),
        (Door::Hospital, About::Hospitals)
        | (Door::Practice | Door::PatientLine | Door::Letter | Door::Other | Door::NotStated, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    const PAGE: &str = include_str!("../../../docs/who-may-record.md");

    fn answer(verdict: Result<(), Refusal>) -> String {
        verdict.map_or_else(|why| format!("refused: {why}"), |()| "taken".to_owned())
    }

    fn of_speakers(page: &mut String, choice: Choice) {
        for &by in Speaker::ALL {
            let ask = |age, mandate| answer(may_speak(choice, by, age, mandate));
            let grid: Vec<[String; 2]> = AgeBand::ALL
                .iter()
                .map(|&age| [Mandate::None, Mandate::Referenced].map(|mandate| ask(age, mandate)))
                .collect();
            let whatever_age = grid.iter().all(|row| *row == grid[0]);
            let whatever_mandate = grid.iter().all(|[without, with]| without == with);
            for (age, [without, with]) in AgeBand::ALL.iter().zip(&grid) {
                let age = if whatever_age { "any age".to_owned() } else { age.to_string() };
                if whatever_mandate {
                    writeln!(page, "| {by} | {age} | {without} |").expect("text");
                } else {
                    writeln!(page, "| {by} | {age}, without a reference | {without} |").expect("text");
                    writeln!(page, "| {by} | {age}, with the reference of a power or order | {with} |").expect("text");
                }
                if whatever_age {
                    break;
                }
            }
        }
    }

    fn of_doors(page: &mut String, choice: Choice) {
        for &door in Door::ALL {
            let verdicts = About::ALL.map(|about| answer(may_enter(choice, door, about)));
            let told: Vec<(&str, &String)> = if verdicts.iter().all(|verdict| *verdict == verdicts[0]) {
                vec![("any records", &verdicts[0])]
            } else {
                ["the GP record", "records from anywhere", "hospitals' records", "another place's records"]
                    .into_iter()
                    .zip(&verdicts)
                    .collect()
            };
            for (about, verdict) in told {
                writeln!(page, "| {door} | {about} | {verdict} |").expect("text");
            }
        }
    }

    /// The page, as the code has it.
    fn page() -> String {
        let mut page = String::from(
            "# Who may record a wish, for whom\n\nMade from the code; a test fails where the two differ. An objection is always \
             taken, whoever says it and however it\ncomes: in doubt, the objection holds. To take one back, both tables must say \
             *taken*: that of who speaks and that of the door.\n",
        );
        for (choice, title) in [(Choice::Object, "Objecting"), (Choice::Withdraw, "Taking an objection back")] {
            write!(page, "\n## {title}\n\n| who says it | the person's age | outcome |\n|---|---|---|\n")
                .expect("text");
            of_speakers(&mut page, choice);
            page.push_str("\n| through | about | outcome |\n|---|---|---|\n");
            of_doors(&mut page, choice);
        }
        page
    }

    #[test]
    fn the_page_for_people_says_what_the_code_does() {
        assert!(page() == PAGE, "docs/who-may-record.md should read:\n{}", page());
    }

    #[test]
    fn an_objection_is_taken_from_anybody_through_any_door() {
        for &by in Speaker::ALL {
            for &age in AgeBand::ALL {
                assert_eq!(may_speak(Choice::Object, by, age, Mandate::None), Ok(()));
            }
        }
        for (&door, about) in Door::ALL.iter().flat_map(|door| About::ALL.map(|about| (door, about))) {
            assert_eq!(may_enter(Choice::Object, door, about), Ok(()));
        }
    }

    #[test]
    fn words_are_read_however_they_are_written_and_nothing_else_is_one() {
        for &door in Door::ALL {
            assert_eq!(Door::parse(door.word()), Ok(door));
            assert_eq!(Door::parse(&door.word().to_uppercase().replace('-', "  ")), Ok(door));
        }
        for &by in Speaker::ALL {
            assert_eq!(Speaker::parse(by.word()), Ok(by));
        }
        assert_eq!(Format::parse("Large Print"), Ok(Format::LargePrint));
        assert_eq!(AgeBand::parse("13 to 15"), Ok(AgeBand::From13To15));
        for text in ["desk 3", "personal", "not", "paren t"] {
            assert!(Speaker::parse(text).is_err() && Door::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn languages_are_tags() {
        for text in ["en", "cy", "zh-Hant", "sr-Latn-RS", "es-419"] {
            assert!(Language::parse(text).is_ok(), "{text}");
        }
        for text in ["", "e", "english", "en-", "-en", "en gb", "9434765919", "en-94347659-19", "en-9434765-919"] {
            assert!(Language::parse(text).is_err(), "{text}");
        }
    }
}
