//! The blocking keys: what two records must share to be compared at all.
//!
//! Identifiers -> 64-bit mixed keys; a key of which a part is missing is [`NO_KEY`]. Invariant: equal parts give equal keys.

use crate::key_index::{NO_KEY, mix};
use caredata_model::{Gender, Identifiers, Postcode, PseudoPostcode};

/// The ten digits stated, 0 where missing; valid or not.
#[inline]
pub(crate) fn digits(of: Identifiers) -> u64 {
    of.nhs_digits().map_or(0, caredata_model::NhsDigits::value)
}

/// [`Postcode::district`] of `ZZ99`: symbols count from 1 for digits and from 11 for letters, in a radix of 37.
const PSEUDO_DISTRICT: u64 = ((36 * 37 + 36) * 37 + 10) * 37 + 10;

/// The packed postcode, 0 where it is missing or stands for "not known". No fixed abode is a value.
#[inline]
pub(crate) fn postcode(of: Identifiers) -> u64 {
    match of.postcode() {
        // The common case is decided by one division; `pseudo` spells the postcode out.
        Some(postcode) if postcode.district() != PSEUDO_DISTRICT => postcode.packed(),
        Some(postcode) if postcode.pseudo() != Some(PseudoPostcode::NotKnown) => postcode.packed(),
        Some(_) | None => 0,
    }
}

/// The postcode where it is a place one can live near to.
pub(crate) fn place(of: Identifiers) -> Option<Postcode> {
    of.postcode().filter(|postcode| postcode.district() != PSEUDO_DISTRICT)
}

/// 1 male, 2 female, 0 where unknown or indeterminate: those say nothing for or against.
#[inline]
pub(crate) fn sex(of: Identifiers) -> u8 {
    match of.gender() {
        Gender::Male => 1,
        Gender::Female => 2,
        Gender::NotKnown | Gender::Indeterminate => 0,
    }
}

/// Year, month and day of birth, where stated.
#[inline]
pub(crate) fn civil(of: Identifiers) -> Option<(i32, u32, u32)> {
    of.birth_date().map(|date| date.day().civil())
}

#[inline]
fn both(rule: u64, a: u64, b: u64) -> u64 {
    if a == 0 || b == 0 { NO_KEY } else { mix(rule, a, b) }
}

/// The NHS digits.
#[inline]
pub(crate) fn nhs(of: Identifiers) -> u64 {
    nhs_digits(digits(of))
}

/// The given NHS digits.
#[inline]
pub(crate) fn nhs_digits(digits: u64) -> u64 {
    if digits == 0 { NO_KEY } else { mix(1, digits, 0) }
}

/// Date of birth and postcode.
#[inline]
pub(crate) fn birth_postcode(of: Identifiers) -> u64 {
    birth_at(of.birth_packed(), postcode(of))
}

/// The given date of birth at the given postcode.
#[inline]
pub(crate) fn birth_at(birth: u32, postcode: u64) -> u64 {
    both(2, u64::from(birth), postcode)
}

/// How many keys [`of_blocks`] makes.
pub(crate) const BLOCKS: usize = 5;

/// The keys of the blocks that only doubtful events need, together, since each part is costlier to unpack than a key is to mix:
/// - date of birth, sex and postcode district;
/// - date of birth and the first four digits of the number: a slip in the last six is survived;
/// - date of birth and the last four digits of the number: a slip in the first six is survived;
/// - postcode, sex and year of birth: a slip in day or month is survived, and a swap of the two;
/// - postcode, month and day of birth in ascending order: a slip in the year is survived, whatever the sex.
#[inline]
pub(crate) fn of_blocks(of: Identifiers) -> [u64; BLOCKS] {
    let birth = u64::from(of.birth_packed());
    if birth == 0 {
        return [NO_KEY; BLOCKS];
    }
    let (postcode, district) = match of.postcode().map(|postcode| (postcode, postcode.district())) {
        None => (0, 0),
        Some((_, PSEUDO_DISTRICT)) => (postcode(of), 0),
        Some((postcode, district)) => (postcode.packed(), district),
    };
    let (digits, sex) = (digits(of), u64::from(sex(of)));
    let mut keys = [NO_KEY; BLOCKS];
    if sex != 0 {
        keys[0] = both(3, birth << 2 | sex, district);
    }
    if digits != 0 {
        keys[1] = both(4, birth, digits / 1_000_000 + 1);
        keys[2] = both(5, birth, digits % 10_000 + 1);
    }
    if let Some((year, month, day)) = civil(of) {
        if sex != 0 {
            keys[3] = both(6, postcode, (year as u64) << 2 | sex);
        }
        keys[4] = both(7, postcode, u64::from(month.min(day)) << 8 | u64::from(month.max(day)));
    }
    keys
}

/// A provider's own patient id.
#[inline]
pub(crate) fn local(provider: u32, local_id: u64) -> u64 {
    if local_id == 0 { NO_KEY } else { mix(8, local_id, u64::from(provider) + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_blocks_survive_the_slips_they_are_for_and_need_their_parts() {
        let of = |nhs: &[u8], birth: &[u8], postcode: &[u8], sex: &[u8]| {
            of_blocks(Identifiers::parse(nhs, birth, postcode, sex).0)
        };
        let whole = of(b"9434765919", b"1956-03-09", b"LS1 4AP", b"2");
        let same = |other: [u64; BLOCKS]| (0..BLOCKS).filter(|&at| other[at] == whole[at]).collect::<Vec<_>>();
        assert!(whole.iter().all(|&key| key != NO_KEY));
        assert_eq!(same(of(b"9434765919", b"1956-03-09", b"LS1 2BB", b"2")), [0, 1, 2]);
        assert_eq!(same(of(b"9434765919", b"1956-09-03", b"LS1 4AP", b"2")), [3, 4]);
        assert_eq!(same(of(b"9434765919", b"1965-03-09", b"LS1 4AP", b"1")), [4]);
        assert_eq!(same(of(b"4505577104", b"1956-03-09", b"LS1 4AP", b"2")), [0, 3, 4]);
        assert_eq!(of(b"", b"1956-03-09", b"", b"2"), [NO_KEY; BLOCKS]);
        assert_eq!(of(b"9434765919", b"", b"LS1 4AP", b"2"), [NO_KEY; BLOCKS]);
        let no_abode = of(b"9434765919", b"1956-03-09", b"ZZ99 3VZ", b"2");
        assert!(no_abode[0] == NO_KEY && no_abode[3] != NO_KEY, "no fixed abode is a value and no place");
    }

    #[test]
    fn pseudo_postcodes_are_no_place_and_only_no_fixed_abode_is_a_value() {
        let of = |text: &[u8]| Identifiers::parse(b"", b"", text, b"").0;
        assert_eq!(Postcode::parse("ZZ99 3VZ").map(Postcode::district), Ok(PSEUDO_DISTRICT));
        assert!(postcode(of(b"ZZ99 3VZ")) != 0 && place(of(b"ZZ99 3VZ")).is_none());
        assert!(postcode(of(b"ZZ99 3WZ")) == 0 && place(of(b"ZZ99 3WZ")).is_none());
        assert!(postcode(of(b"LS1 4AP")) != 0 && place(of(b"LS1 4AP")).is_some());
    }
}
