//! An event against a person: the pattern of agreement, and what the agreeing values weigh beyond it.
//!
//! Event, rows of a person, frequencies -> [`Compared`]. A person with several rows is compared by the best of them for each
//! identifier, so that a number from one practice and a postcode from another both count. Invariant: a missing value is
//! neutral, and so is a default date.

use crate::frequency::Frequencies;
use crate::keys;
use crate::levels::{self, BirthLevel, NhsLevel, Pattern, PostcodeLevel, SexLevel};
use crate::model::Stated;
use crate::numbers::Numbers;
use caredata_model::{Identifiers, Postcode};

/// Numbers one slip away from a given one: nine other digits in ten places, and nine swaps of neighbours.
const SLIPS_OF_A_NUMBER: f64 = 99.0;
/// Numbers two digits away from a given one: nine other digits each in two of ten places.
const TWO_DIGITS_OF_A_NUMBER: f64 = 45.0 * 81.0;
/// How many numbers a mistyped one might have been by chance: fewer than ten digits allow, as numbers come in ranges.
const SPACE_OF_NUMBERS: f64 = 1e9;
/// Dates that differ from a given one in one digit of its day, month or year and are likely, for each part thrice as many
/// since any of the three may be wrong.
const SLIPS_OF_A_DATE: [f64; 3] = [33.0, 15.0, 75.0];
/// Dates that differ from a given one in the day, month or year, counted likewise.
const PARTS_OF_A_DATE: [f64; 3] = [75.0, 30.0, 180.0];
/// Postcodes one character away from a given one.
const SLIPS_OF_A_POSTCODE: f64 = 100.0;

/// An event unpacked for comparison, with the weights of its own values in bits.
pub(crate) struct Event {
    pub(crate) identifiers: Identifiers,
    pub(crate) nhs: u64,
    pub(crate) nhs_valid: bool,
    numbers: Numbers,
    civil: Option<(i32, u32, u32)>,
    pub(crate) birth: u32,
    birth_bits: f32,
    pub(crate) postcode: u64,
    place: Option<Postcode>,
    pub(crate) postcode_bits: f32,
    at_postcode: u32,
    sector_bits: f32,
    district_bits: f32,
    sex: u8,
    sex_bits: f32,
    near_bits: f32,
    similar_bits: f32,
    invalid_bits: f32,
    persons_bits: f32,
}

fn rarity(share: f64) -> f32 {
    -share.log2() as f32
}

impl Event {
    pub(crate) fn new(identifiers: Identifiers, frequencies: &Frequencies, persons: f64) -> Self {
        let nhs = keys::digits(identifiers);
        let packed = identifiers.birth_packed();
        let birth = if frequencies.is_default(packed) { 0 } else { packed };
        let postcode = keys::postcode(identifiers);
        let place = keys::place(identifiers);
        let sex = keys::sex(identifiers);
        Self {
            identifiers,
            nhs,
            nhs_valid: frequencies.numbers.possible(identifiers) != 0,
            numbers: frequencies.numbers,
            civil: keys::civil(identifiers).filter(|_| birth != 0),
            birth,
            birth_bits: rarity(frequencies.birth(packed)),
            postcode,
            place,
            postcode_bits: rarity(frequencies.postcode(postcode)),
            at_postcode: frequencies.at_postcode(postcode),
            sector_bits: place.map_or(0.0, |place| rarity(frequencies.sector(place))),
            district_bits: place.map_or(0.0, |place| rarity(frequencies.district(place))),
            sex,
            sex_bits: if sex == 0 { 0.0 } else { rarity(frequencies.sex(sex)) },
            near_bits: (SPACE_OF_NUMBERS / SLIPS_OF_A_NUMBER).log2() as f32 + rarity(frequencies.invalid_number),
            similar_bits: (SPACE_OF_NUMBERS / TWO_DIGITS_OF_A_NUMBER).log2() as f32
                + rarity(frequencies.invalid_number),
            invalid_bits: rarity(frequencies.invalid_number),
            persons_bits: persons.log2() as f32,
        }
    }

    /// Which identifiers it states.
    pub(crate) const fn stated(&self) -> Stated {
        Stated { nhs: self.nhs != 0, birth: self.birth != 0, postcode: self.postcode != 0 }
    }

    /// The event stated as a day of birth and a sex, where it states them.
    pub(crate) fn has_birth(&self) -> bool {
        self.birth != 0
    }
}

/// Who else bears the event's number, for telling a relative's number from a wrong one.
#[derive(Default)]
pub(crate) struct Holders {
    /// Postcodes of persons who bear the number.
    pub(crate) postcodes: Vec<u64>,
    /// Whether two persons bear it, which makes it nobody's proof.
    pub(crate) persons: usize,
}

/// Where people went who are known by an event's postcode.
#[derive(Default)]
pub(crate) struct Moved {
    /// Postcodes at which they live, sorted.
    pub(crate) to: Vec<u64>,
    /// What living at one of them weighs, in bits: so few people do.
    pub(crate) bits: f32,
}

impl Moved {
    fn to(&self, postcode: u64) -> bool {
        self.to.binary_search(&postcode).is_ok()
    }
}

/// How an event and a person agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compared {
    pub(crate) pattern: Pattern,
    /// Bits that the values add for NHS Number, date of birth, postcode and gender.
    pub(crate) value_bits: [f32; 4],
}

impl Compared {
    pub(crate) fn sum_of_value_bits(&self) -> f32 {
        self.value_bits.iter().sum()
    }
}

/// One identifier's level and value bits; the better of two is the one of the lower level.
type Graded<L> = (L, f32);

fn better<L: Ord + Copy>(one: Graded<L>, other: Graded<L>) -> Graded<L> {
    if other.0 < one.0 || (other.0 == one.0 && other.1 > one.1) { other } else { one }
}

/// What a comparison looks at besides the two sides.
pub(crate) struct Context<'a> {
    pub(crate) frequencies: &'a Frequencies,
    pub(crate) holders: &'a Holders,
    /// Whether another person bears the candidate's own number, so that its being another than the event's says little.
    pub(crate) contested: bool,
}

/// Compares an event with a person: `rows` are the person's identifiers, each with whether it is what the practice says
/// now; `earlier` are further postcodes the person is known by. `moved` is whether somebody who lives at the row's postcode
/// is known by the event's, with the bits that this weighs.
pub(crate) fn compare(
    event: &Event,
    rows: impl Iterator<Item = (Identifiers, bool)>,
    earlier: &[u64],
    moved: &Moved,
    context: &Context<'_>,
) -> Compared {
    let mut nhs = (NhsLevel::Missing, 0.0);
    let mut birth = (BirthLevel::Missing, 0.0);
    let mut postcode = (PostcodeLevel::Missing, 0.0);
    let mut sex = (SexLevel::Missing, 0.0);
    let mut neighbour = false;
    for (row, current) in rows {
        nhs = better(nhs, grade_nhs(event, row, context.contested));
        birth = better(birth, grade_birth(event, row, context.frequencies));
        postcode = better(postcode, grade_postcode(event, row, current));
        if postcode.0 > PostcodeLevel::Household && moved.to(keys::postcode(row)) {
            postcode = (PostcodeLevel::Household, moved.bits);
        }
        sex = better(sex, grade_sex(event, row));
        let at = keys::postcode(row);
        neighbour |= at != 0 && context.holders.postcodes.contains(&at);
    }
    if event.postcode != 0 && postcode.0 > PostcodeLevel::Earlier && earlier.contains(&event.postcode) {
        postcode = (PostcodeLevel::Earlier, event.postcode_bits);
    }
    let another_bears_it = context.holders.persons > 0 && nhs.0 > NhsLevel::Similar;
    if another_bears_it && neighbour {
        let household = context.holders.postcodes.iter().map(|&at| context.frequencies.at_postcode(at)).max();
        nhs = (NhsLevel::Relative, event.persons_bits - f64::from(household.unwrap_or(1).max(1)).log2() as f32);
    } else if another_bears_it && event.nhs_valid && nhs.0 == NhsLevel::Missing {
        // The candidate has no number of its own, but this one is somebody else's.
        nhs = (NhsLevel::Different, 0.0);
    }
    Compared {
        pattern: Pattern { nhs: nhs.0, birth: birth.0, postcode: postcode.0, sex: sex.0 },
        value_bits: [nhs.1, birth.1, postcode.1, sex.1],
    }
}

fn grade_nhs(event: &Event, row: Identifiers, contested: bool) -> Graded<NhsLevel> {
    let theirs = keys::digits(row);
    if event.nhs == 0 || theirs == 0 {
        return (NhsLevel::Missing, 0.0);
    }
    if event.nhs == theirs {
        return (NhsLevel::Exact, event.persons_bits);
    }
    if levels::one_slip_apart(event.nhs, theirs) {
        return (NhsLevel::Near, event.near_bits);
    }
    let both_valid = event.nhs_valid && event.numbers.possible(row) != 0;
    if !both_valid && levels::two_digits_apart(event.nhs, theirs) {
        return (NhsLevel::Similar, event.similar_bits);
    }
    if contested {
        return (NhsLevel::Missing, 0.0);
    }
    if both_valid { (NhsLevel::Different, 0.0) } else { (NhsLevel::Invalid, event.invalid_bits) }
}

fn grade_birth(event: &Event, row: Identifiers, frequencies: &Frequencies) -> Graded<BirthLevel> {
    let theirs = row.birth_packed();
    if event.birth == 0 || theirs == 0 {
        return (BirthLevel::Missing, 0.0);
    }
    if event.birth == theirs {
        return (BirthLevel::Exact, event.birth_bits);
    }
    if frequencies.is_default(theirs) {
        return (BirthLevel::Missing, 0.0);
    }
    let (Some(ours), Some(theirs)) = (event.civil, keys::civil(row)) else { return (BirthLevel::Missing, 0.0) };
    let level = levels::birth(ours, theirs);
    let bits = match level {
        BirthLevel::Exact | BirthLevel::Swapped | BirthLevel::YearOnly => event.birth_bits,
        BirthLevel::Digit => event.birth_bits - alternatives(&SLIPS_OF_A_DATE, ours, theirs),
        BirthLevel::Part => event.birth_bits - alternatives(&PARTS_OF_A_DATE, ours, theirs),
        BirthLevel::Other | BirthLevel::Missing => 0.0,
    };
    (level, bits)
}

/// log2 of how many dates differ from one as another does: in the day, the month or the year.
fn alternatives(counts: &[f64; 3], ours: (i32, u32, u32), theirs: (i32, u32, u32)) -> f32 {
    let count = if ours.2 != theirs.2 {
        counts[0]
    } else if ours.1 != theirs.1 {
        counts[1]
    } else {
        counts[2]
    };
    count.log2() as f32
}

fn grade_postcode(event: &Event, row: Identifiers, current: bool) -> Graded<PostcodeLevel> {
    let theirs = keys::postcode(row);
    if event.postcode == 0 || theirs == 0 {
        return (PostcodeLevel::Missing, 0.0);
    }
    if event.postcode == theirs {
        let level = if current { PostcodeLevel::Exact } else { PostcodeLevel::Earlier };
        return (level, event.postcode_bits);
    }
    let (Some(ours), Some(theirs)) = (event.place, keys::place(row)) else { return (PostcodeLevel::Missing, 0.0) };
    let near = levels::one_character_apart(ours, theirs);
    let slipped = event.postcode_bits - SLIPS_OF_A_POSTCODE.log2() as f32;
    if near && event.at_postcode == 0 {
        (PostcodeLevel::Character, slipped)
    } else if ours.sector() == theirs.sector() {
        (PostcodeLevel::Sector, event.sector_bits)
    } else if ours.district() == theirs.district() {
        (PostcodeLevel::District, event.district_bits)
    } else if near {
        (PostcodeLevel::Character, slipped)
    } else {
        (PostcodeLevel::Elsewhere, 0.0)
    }
}

fn grade_sex(event: &Event, row: Identifiers) -> Graded<SexLevel> {
    let theirs = keys::sex(row);
    if event.sex == 0 || theirs == 0 {
        (SexLevel::Missing, 0.0)
    } else if event.sex == theirs {
        (SexLevel::Same, event.sex_bits)
    } else {
        (SexLevel::Other, event.sex_bits)
    }
}
