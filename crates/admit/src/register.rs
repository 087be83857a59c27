//! The objection register as the gates see it: wishes in, which objections stand today out.
//!
//! Invariants: a [`Register`] is made from at least one event or from somebody's [`Attestation`], never from nothing; whether
//! an objection stands is asked of [`caredata_model::stands`] alone; what a practice itself said of its own record is taken
//! back by that practice alone.

use crate::AdmitError;
use caredata_model::{Cause, Day, NhsNumber, RecordKey, Scope, Wish, stands};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// Whom a wish is about.
///
/// A wish noted in a practice's journal belongs to the patient's NHS Number where the registration states a valid one, so
/// that a withdrawal at another practice is heard too; where it does not, to the registration itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The person under this NHS Number.
    Number(NhsNumber),
    /// The person of this record, whose NHS Number is missing, wrong or in dispute, or whose practice told of it by a token.
    Record(RecordKey),
}

/// Somebody's word, by name, that there are no objections to load. Kept with the run; shown in its report.
#[derive(Clone, PartialEq, Eq)]
pub struct Attestation {
    by: String,
    reason: String,
}

impl Attestation {
    /// The word of `by`, for `reason`.
    ///
    /// # Errors
    /// [`AdmitError::EmptyAttestation`] where either is blank.
    pub fn new(by: &str, reason: &str) -> Result<Self, AdmitError> {
        let (by, reason) = (by.trim(), reason.trim());
        if by.is_empty() || reason.is_empty() {
            return Err(AdmitError::EmptyAttestation);
        }
        Ok(Self { by: by.to_owned(), reason: reason.to_owned() })
    }

    /// Who attests.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Why there are none.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Debug for Attestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attestation").field("by", &self.by).finish_non_exhaustive()
    }
}

/// The objections of one subject that stand: scopes, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Standing(Box<[Scope]>);

impl Standing {
    /// The scopes, sorted, each once.
    pub(crate) fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes.into())
    }

    /// What is left of these objections where some are set aside by law.
    #[must_use]
    pub fn without(&self, lifted: &BTreeSet<Scope>) -> Self {
        Self::new(self.scopes().iter().filter(|scope| !lifted.contains(scope)).cloned())
    }

    /// What stands on `today` by all that one subject said; `None` where nothing does.
    pub fn of(wishes: &[Wish], today: Day) -> Option<Self> {
        let scopes = wishes.iter().map(|wish| &wish.scope).filter(|&scope| stands(wishes, scope, today));
        let standing = Self::new(scopes.cloned());
        (!standing.scopes().is_empty()).then_some(standing)
    }

    /// What stands here or there.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self::new(self.0.into_iter().chain(other.0.iter().cloned()))
    }

    /// Whether an objection of this scope stands.
    pub fn includes(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    /// The scopes of the objections that stand.
    pub fn scopes(&self) -> &[Scope] {
        &self.0
    }
}

/// Every wish known, and the objections that stand today.
///
/// ```
/// use caredata_admit::{Register, Subject};
/// use caredata_model::{Choice, Day, NhsNumber, Scope, Wish};
/// let today = Day::parse("2014-05-01").unwrap();
/// let number = NhsNumber::parse("943 476 5919").unwrap();
/// let wish = Wish { scope: Scope::All, choice: Choice::Object, effective: None, recorded: None };
/// let register = Register::from_events([(Subject::Number(number), wish)], today).unwrap();
/// assert!(register.objects(number, &Scope::All));
/// assert!(!register.objects(number, &Scope::GpRecord));
/// assert!(Register::from_events([], today).is_err());
/// ```
#[derive(Clone)]
pub struct Register {
    today: Day,
    wishes: HashMap<Subject, Vec<Wish>>,
    standing: HashMap<Subject, Standing>,
    /// Registrations that their practices' own last word keeps from use.
    bound: HashSet<RecordKey>,
    /// Whom a national file let through; `None` where it is not asked.
    let_through: Option<LetThrough>,
    /// What stands for whoever it did not, and who said nothing themselves.
    not_let_through: Standing,
}

/// Whether a national file let a number through.
type LetThrough = Arc<dyn Fn(NhsNumber) -> bool + Send + Sync>;

impl Register {
    /// The register of these events, as known on `today`.
    ///
    /// # Errors
    /// [`AdmitError::EmptyRegister`] where there is no event: a missing or empty file must not read as if nobody objected.
    pub fn from_events(events: impl IntoIterator<Item = (Subject, Wish)>, today: Day) -> Result<Self, AdmitError> {
        let register = Self::empty(today).with(events);
        if register.wishes.is_empty() { Err(AdmitError::EmptyRegister) } else { Ok(register) }
    }

    /// The register of a home where nothing has been loaded, on somebody's word that there is nothing to load.
    pub fn attested(_word: &Attestation, today: Day) -> Self {
        Self::empty(today)
    }

    fn empty(today: Day) -> Self {
        Self {
            today,
            wishes: HashMap::new(),
            standing: HashMap::new(),
            bound: HashSet::new(),
            let_through: None,
            not_let_through: Standing::new(Cause::NationalFile.weighed_as()),
        }
    }

    /// This register and further events, such as the wishes found in the journals of a run.
    #[must_use]
    pub fn with(mut self, events: impl IntoIterator<Item = (Subject, Wish)>) -> Self {
        let mut touched = Vec::new();
        for (subject, wish) in events {
            self.wishes.entry(subject).or_default().push(wish);
            touched.push(subject);
        }
        touched.sort_unstable();
        touched.dedup();
        for subject in touched {
            match Standing::of(&self.wishes[&subject], self.today) {
                Some(standing) => self.standing.insert(subject, standing),
                None => self.standing.remove(&subject),
            };
        }
        self
    }

    /// This register, where a national file of objections is asked too: whoever it has not let through is withheld as if they
    /// had objected to everything, under each of their numbers. A person without a number cannot be asked about. Wishes are
    /// added before.
    #[must_use]
    pub fn letting_through(mut self, let_through: impl Fn(NhsNumber) -> bool + Send + Sync + 'static) -> Self {
        for (subject, standing) in &mut self.standing {
            let passes = match subject {
                Subject::Number(number) => let_through(*number),
                Subject::Record(_) => true,
            };
            if !passes {
                *standing = Standing::new(standing.scopes().iter().cloned().chain(Cause::NationalFile.weighed_as()));
            }
        }
        self.let_through = Some(Arc::new(let_through));
        self
    }

    /// This register and all that practices themselves said of their own records. Where a type 1 objection stands by that
    /// alone, the registration is bound, whatever was said elsewhere.
    #[must_use]
    pub fn noting(mut self, words: impl IntoIterator<Item = (RecordKey, Wish)>) -> Self {
        let mut by_record: HashMap<RecordKey, Vec<Wish>> = HashMap::new();
        for (record, wish) in words {
            by_record.entry(record).or_default().push(wish);
        }
        let binding = by_record.iter().filter(|(_, said)| stands(said.as_slice(), &Scope::GpRecord, self.today));
        self.bound = binding.map(|(&record, _)| record).collect();
        self
    }

    /// The day on which the register was asked.
    pub const fn today(&self) -> Day {
        self.today
    }

    /// Whether an objection of `scope` stands under this NHS Number.
    pub fn objects(&self, number: NhsNumber, scope: &Scope) -> bool {
        self.standing(Subject::Number(number)).is_some_and(|standing| standing.includes(scope))
    }

    /// The objections of a subject that stand; `None` where none does.
    pub fn standing(&self, subject: Subject) -> Option<&Standing> {
        let withheld = || match (subject, &self.let_through) {
            (Subject::Number(number), Some(let_through)) if !let_through(number) => Some(&self.not_let_through),
            (Subject::Number(_) | Subject::Record(_), _) => None,
        };
        self.standing.get(&subject).or_else(withheld)
    }

    /// Whether the practice's own last word about this registration keeps it from use, whatever was said elsewhere.
    pub fn binds(&self, registration: RecordKey) -> bool {
        self.bound.contains(&registration)
    }

    /// The registrations whose practices' own last word keeps them from use, in no order.
    pub fn bound(&self) -> impl Iterator<Item = RecordKey> {
        self.bound.iter().copied()
    }

    /// Every subject with an objection that stands, in no order.
    pub fn objectors(&self) -> impl Iterator<Item = (Subject, &Standing)> {
        self.standing.iter().map(|(&subject, standing)| (subject, standing))
    }
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register")
            .field("today", &self.today)
            .field("subjects", &self.wishes.len())
            .field("objectors", &self.standing.len())
            .field("bound", &self.bound.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caredata_model::Choice;

    fn day(text: &str) -> Option<Day> {
        Day::parse(text).ok()
    }

    fn wish(choice: Choice, on: &str) -> Wish {
        Wish { scope: Scope::All, choice, effective: day(on), recorded: day(on) }
    }

    fn subject() -> Subject {
        Subject::Number(NhsNumber::parse("9434765919").expect("a valid number"))
    }

    #[test]
    fn nothing_makes_no_register_and_a_word_needs_a_name() {
        let today = day("2014-05-01").expect("a day");
        assert!(matches!(Register::from_events([], today), Err(AdmitError::EmptyRegister)));
        assert!(matches!(Attestation::new(" ", "new home"), Err(AdmitError::EmptyAttestation)));
        assert!(matches!(Attestation::new("A. Guardian", ""), Err(AdmitError::EmptyAttestation)));
        let word = Attestation::new("A. Guardian", "new home").expect("both given");
        assert_eq!(Register::attested(&word, today).objectors().count(), 0);
    }

    #[test]
    fn later_events_are_weighed_with_the_earlier() {
        let today = day("2014-05-01").expect("a day");
        let register =
            Register::from_events([(subject(), wish(Choice::Object, "2014-01-01"))], today).expect("one event");
        assert_eq!(register.objectors().count(), 1);
        let register = register.with([(subject(), wish(Choice::Withdraw, "2014-02-01"))]);
        assert_eq!(register.objectors().count(), 0);
        let register = register.with([(subject(), wish(Choice::Object, "2014-03-01"))]);
        assert!(register.standing(subject()).is_some_and(|standing| standing.includes(&Scope::All)));
    }

    #[test]
    fn only_the_practice_itself_unbinds_its_record() {
        let today = day("2014-05-01").expect("a day");
        let record = RecordKey::from_bits(7);
        let gp = |choice, on| Wish { scope: Scope::GpRecord, ..wish(choice, on) };
        let objected = (record, gp(Choice::Object, "2014-01-01"));
        let register = Register::from_events([(subject(), gp(Choice::Object, "2014-01-01"))], today)
            .expect("an event")
            .with([(subject(), gp(Choice::Withdraw, "2014-02-01"))])
            .noting([objected.clone()]);
        assert_eq!(register.standing(subject()), None, "the person's other records may be used again");
        assert!(register.binds(record));
        let register = register.noting([objected, (record, gp(Choice::Withdraw, "2014-03-01"))]);
        assert!(!register.binds(record) && register.bound().next().is_none());
    }

    #[test]
    fn whoever_a_national_file_does_not_let_through_is_withheld() {
        let today = day("2014-05-01").expect("a day");
        let other = NhsNumber::parse("9434765870").expect("a number");
        let gp = Wish { scope: Scope::GpRecord, ..wish(Choice::Object, "2014-01-01") };
        let register = Register::from_events([(subject(), gp)], today).expect("one event");
        assert!(register.standing(Subject::Number(other)).is_none());
        let asked = register.clone().letting_through(|_| false);
        assert!(asked.objects(other, &Scope::All));
        let own = asked.standing(subject()).expect("a standing").scopes().to_vec();
        assert_eq!(own, [Scope::GpRecord, Scope::All], "beside what was said");
        assert!(asked.standing(Subject::Record(RecordKey::from_bits(7))).is_none(), "nobody could be asked");
        let asked = register.letting_through(move |number| number == other);
        assert!(!asked.objects(other, &Scope::All) && asked.standing(subject()).is_some());
    }

    #[test]
    fn debug_names_nobody() {
        let today = day("2014-05-01").expect("a day");
        let register =
            Register::from_events([(subject(), wish(Choice::Object, "2014-01-01"))], today).expect("one event");
        assert_eq!(format!("{register:?}"), "Register { today: 2014-05-01, subjects: 1, objectors: 1, bound: 0, .. }");
        assert_eq!(format!("{:?}", subject()), "Number(NhsNumber(withheld))");
    }
}
