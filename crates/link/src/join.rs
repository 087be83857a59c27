//! Which rows of the reference are one person: registrations at two practices, and what the index already knew.
//!
//! Rows -> the root row of each. Only strong links join, two different valid numbers never meet in one person through a
//! chain, and links are taken strongest first in the order of record keys. Invariant: the partition depends on the records
//! alone, not on their order.

use crate::decisions::Decisions;
use crate::index::Index;
use crate::keys;
use crate::levels::{self, BirthLevel};
use crate::reference::Reference;
use caredata_model::Identifiers;
use rayon::prelude::*;

/// A link between two rows, ordered by how strong it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    NumberAndBirthDate,
    NumberAlone,
    BirthDateAndPostcode,
}

/// The root row of each row.
pub(crate) fn join(reference: &Reference<'_>, index: &Index, decisions: &Decisions) -> Vec<u32> {
    let mut union = Union::new(reference.rows.iter().map(|&row| valid_number(row)).collect());
    let decided = decisions.rows(reference, index);
    for rows in &decided {
        union.decide_same(rows);
    }
    for &(left, right) in decisions.apart() {
        union.keep_apart(&decided[left], &decided[right]);
    }
    join_known(reference, index, &mut union);
    let mut links: Vec<(Strength, u32, u32)> = reference
        .by_nhs
        .pairs(64)
        .into_par_iter()
        .filter_map(|(a, b)| by_number(reference, a, b).map(|strength| (strength, a, b)))
        .collect();
    links.extend(by_birth_and_postcode(reference));
    // Ties among equally strong links are broken by the records' keys, so that the order of the input does not matter.
    links.par_sort_unstable_by_key(|&(strength, a, b)| {
        let (a, b) = (reference.key(a), reference.key(b));
        (strength, a.min(b), a.max(b))
    });
    for (_, a, b) in links {
        union.join(a, b);
    }
    (0..reference.rows.len() as u32).map(|row| union.root(row)).collect()
}

fn valid_number(row: Identifiers) -> u64 {
    // Checking the digit of every row costs more than keeping invalid ones apart gains: two records that bear the same
    // mistyped number are no contradiction, and two different numbers of which one is mistyped are joined beforehand.
    keys::digits(row)
}

/// Rows of one known person stay together, and a registration stays with the person its key had, unless its identifiers
/// were replaced by somebody else's.
fn join_known(reference: &Reference<'_>, index: &Index, union: &mut Union) {
    let first = reference.registrations.len();
    let resolved: Vec<_> = reference.known.iter().map(|observation| index.resolve(observation.person)).collect();
    for at in 1..resolved.len() {
        if resolved[at] == resolved[at - 1] {
            union.join_regardless((first + at - 1) as u32, (first + at) as u32);
        }
    }
    if resolved.is_empty() {
        return;
    }
    let stays = reference.registrations.par_iter().enumerate().filter_map(|(row, record)| {
        let former = reference.former(row).filter(|former| former.stays)?;
        let known = first + resolved.partition_point(|&person| person < former.id);
        // Who was joined without a number, and has one now, may turn out to be another than whom it was joined with.
        let is_told_apart = !former.had_number && keys::digits(record.identifiers) != 0;
        Some((known as u32, row as u32, is_told_apart))
    });
    let mut stays: Vec<(u32, u32, bool)> = stays.collect();
    // Those whose number may tell come last; of two that must part, the one with the smaller key keeps the person.
    stays.par_sort_unstable_by_key(|&(_, row, is_told_apart)| (is_told_apart, reference.key(row)));
    for (known, row, is_told_apart) in stays {
        if is_told_apart {
            union.join(known, row);
        } else if !union.are_apart(known, row) {
            union.join_regardless(known, row);
        }
    }
}

/// Whether a registration's identifiers became those of another person: number and date of birth both changed outright.
pub(crate) fn is_replaced(was: Identifiers, is: Identifiers) -> bool {
    let other_number = match (was.nhs_digits(), is.nhs_digits()) {
        (Some(a), Some(b)) => a != b && !levels::one_slip_apart(a.value(), b.value()),
        (Some(_) | None, None) | (None, Some(_)) => false,
    };
    let other_birth = match (keys::civil(was), keys::civil(is)) {
        (Some(a), Some(b)) => levels::birth(a, b) == BirthLevel::Other,
        (Some(_) | None, None) | (None, Some(_)) => false,
    };
    other_number && other_birth
}

fn birth_level(a: Identifiers, b: Identifiers) -> BirthLevel {
    match (keys::civil(a), keys::civil(b)) {
        (Some(a), Some(b)) => levels::birth(a, b),
        (Some(_) | None, None) | (None, Some(_)) => BirthLevel::Missing,
    }
}

/// What two registrations share, or what was decided about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bond {
    /// Somebody decided that they are one person's.
    DecidedSame,
    /// Somebody decided that they are two people's.
    DecidedDifferent,
    /// NHS Number and date of birth: one person.
    NumberAndBirthDate,
    /// The NHS Number and nearly the date of birth: one person.
    NumberAlone,
    /// Date of birth, postcode and gender, where one has no number or one number is a slip of the other: one person, if
    /// neither fits a third.
    BirthDateAndPostcode,
    /// The NHS Number, while date of birth or gender contradict: no proof.
    NumberContradicted,
    /// Date of birth, postcode and gender, with two numbers: no proof; twins share these.
    TwoNumbers,
    /// Each is joined with a third.
    Chain,
}

/// What a row shares with others by which rows are joined, whether or not it led to that.
pub(crate) fn bonds(reference: &Reference<'_>, row: u32) -> Vec<(u32, Bond)> {
    let own = reference.rows[row as usize];
    let digits = keys::digits(own);
    let mut bonds = Vec::new();
    for other in reference.by_nhs.find(keys::nhs_digits(digits)).filter(|&other| other != row) {
        if keys::digits(reference.rows[other as usize]) == digits {
            bonds.push((
                other,
                match by_number(reference, row, other) {
                    Some(Strength::NumberAndBirthDate) => Bond::NumberAndBirthDate,
                    Some(Strength::NumberAlone) => Bond::NumberAlone,
                    Some(Strength::BirthDateAndPostcode) | None => Bond::NumberContradicted,
                },
            ));
        }
    }
    for other in reference.by_birth_postcode.find(keys::birth_postcode(own)).filter(|&other| other != row) {
        let theirs = reference.rows[other as usize];
        if !shares_birth_and_place(own, theirs) || keys::digits(theirs) == digits && digits != 0 {
            continue;
        }
        let fits = fits_by_birth_and_place(reference, row, other);
        bonds.push((other, if fits { Bond::BirthDateAndPostcode } else { Bond::TwoNumbers }));
    }
    bonds
}

fn shares_birth_and_place(left: Identifiers, right: Identifiers) -> bool {
    left.birth_packed() == right.birth_packed()
        && keys::postcode(left) == keys::postcode(right)
        && keys::place(left).is_some()
        && keys::sex(left) == keys::sex(right)
}

fn fits_by_birth_and_place(reference: &Reference<'_>, a: u32, b: u32) -> bool {
    let (left, right) = (reference.rows[a as usize], reference.rows[b as usize]);
    let (left_number, right_number) = (keys::digits(left), keys::digits(right));
    let near = levels::one_slip_apart(left_number, right_number);
    let missing = left_number == 0 || right_number == 0;
    shares_birth_and_place(left, right) && (near || (missing && reference.provider(a) != reference.provider(b)))
}

/// Two rows with one number: one person if the dates of birth agree at least nearly. A son under his mother's number
/// agrees in neither date nor, often, gender; twins agree in the date, so there the gender must not contradict.
fn by_number(reference: &Reference<'_>, a: u32, b: u32) -> Option<Strength> {
    let (left, right) = (reference.rows[a as usize], reference.rows[b as usize]);
    if keys::digits(left) != keys::digits(right) {
        return None;
    }
    let sex_differs = keys::sex(left) != keys::sex(right) && keys::sex(left) != 0 && keys::sex(right) != 0;
    let same_place = keys::postcode(left) != 0 && keys::postcode(left) == keys::postcode(right);
    match birth_level(left, right) {
        BirthLevel::Exact if !(sex_differs && same_place) => Some(Strength::NumberAndBirthDate),
        BirthLevel::Swapped | BirthLevel::Digit | BirthLevel::Part | BirthLevel::YearOnly | BirthLevel::Missing
            if !sex_differs =>
        {
            Some(Strength::NumberAlone)
        }
        BirthLevel::Exact
        | BirthLevel::Swapped
        | BirthLevel::Digit
        | BirthLevel::Part
        | BirthLevel::YearOnly
        | BirthLevel::Other
        | BirthLevel::Missing => None,
    }
}

/// Two rows with one date of birth, postcode and gender at different providers, of which one has no number or one is a slip
/// of the other: one person, where the rest of the postcode leaves no second choice (twins do).
fn by_birth_and_postcode(reference: &Reference<'_>) -> Vec<(Strength, u32, u32)> {
    let pairs = reference.by_birth_postcode.pairs(16);
    let mut links: Vec<(u32, u32)> =
        pairs.into_par_iter().filter(|&(a, b)| fits_by_birth_and_place(reference, a, b)).collect();
    links.par_sort_unstable();
    // A record without a number that fits two others fits neither surely.
    let mut partners: Vec<u32> = links.iter().flat_map(|&(a, b)| [a, b]).collect();
    partners.sort_unstable();
    let alone = |row: u32| {
        let from = partners.partition_point(|&other| other < row);
        partners.get(from + 1) != Some(&row)
    };
    let sole = links.into_iter().filter(|&(a, b)| alone(a) && alone(b));
    sole.map(|(a, b)| (Strength::BirthDateAndPostcode, a, b)).collect()
}

/// The number of a set in which a decision put together two numbers: either may join.
const ANY_NUMBER: u64 = u64::MAX;

/// Union-find whose sets know their NHS Number and refuse to take in another, and refuse what was decided to be another's.
pub(crate) struct Union {
    parents: Vec<u32>,
    numbers: Vec<u64>,
    /// Members of sets that must not meet.
    apart: Vec<(u32, u32)>,
    /// Whether a set holds any of `apart`, by its root; empty where there are none.
    guarded: Vec<bool>,
}

impl Union {
    pub(crate) fn new(numbers: Vec<u64>) -> Self {
        Self { parents: (0..numbers.len() as u32).collect(), numbers, apart: Vec::new(), guarded: Vec::new() }
    }

    /// Joins rows of one person by decision, whatever their numbers.
    pub(crate) fn decide_same(&mut self, rows: &[u32]) {
        for pair in rows.windows(2) {
            let (a, b) = (self.root(pair[0]), self.root(pair[1]));
            let (left, right) = (self.numbers[a as usize], self.numbers[b as usize]);
            self.unite(a, b);
            if left != 0 && right != 0 && left != right {
                let root = self.root(a);
                self.numbers[root as usize] = ANY_NUMBER;
            }
        }
    }

    /// Keeps two sets, each given by its members that are one already, from ever meeting.
    pub(crate) fn keep_apart(&mut self, left: &[u32], right: &[u32]) {
        let (Some(&left), Some(&right)) = (left.first(), right.first()) else { return };
        self.guarded.resize(self.parents.len(), false);
        self.apart.push((left, right));
        for row in [left, right] {
            let root = self.root(row);
            self.guarded[root as usize] = true;
        }
    }

    /// Whether the sets of two rows must not meet.
    pub(crate) fn are_apart(&mut self, a: u32, b: u32) -> bool {
        if self.apart.is_empty() {
            return false;
        }
        let (a, b) = (self.root(a), self.root(b));
        if !self.guarded[a as usize] || !self.guarded[b as usize] {
            return false;
        }
        (0..self.apart.len()).any(|at| {
            let (left, right) = self.apart[at];
            let roots = (self.root(left), self.root(right));
            roots == (a, b) || roots == (b, a)
        })
    }

    pub(crate) fn root(&mut self, mut row: u32) -> u32 {
        while self.parents[row as usize] != row {
            let grandparent = self.parents[self.parents[row as usize] as usize];
            self.parents[row as usize] = grandparent;
            row = grandparent;
        }
        row
    }

    /// Joins two sets unless their numbers or a decision contradict; says whether they are one now.
    pub(crate) fn join(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        let (left, right) = (self.numbers[a as usize], self.numbers[b as usize]);
        let any = left == ANY_NUMBER || right == ANY_NUMBER;
        if !any && left != 0 && right != 0 && left != right && !levels::one_slip_apart(left, right) {
            return false;
        }
        if self.are_apart(a, b) {
            return false;
        }
        self.unite(a, b);
        true
    }

    /// Joins two sets of which it is known that they are one.
    pub(crate) fn join_regardless(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.unite(a, b);
    }

    fn unite(&mut self, a: u32, b: u32) {
        let (first, second) = (a.min(b), a.max(b));
        self.parents[second as usize] = first;
        if first != second && !self.guarded.is_empty() {
            self.guarded[first as usize] |= self.guarded[second as usize];
        }
        // Of two numbers that are a slip apart either may stand: the rule that joined them is symmetric.
        self.numbers[first as usize] = match (self.numbers[first as usize], self.numbers[second as usize]) {
            (0, number) | (number, 0) => number,
            (ANY_NUMBER, _) | (_, ANY_NUMBER) => ANY_NUMBER,
            (left, right) => left.min(right),
        };
    }
}
