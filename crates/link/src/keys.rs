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

/// Date of birth, sex and postcode district.
pub(crate) fn birth_sex_district(of: Identifiers) -> u64 {
    let district = place(of).map_or(0, Postcode::district);
    if sex(of) == 0 { NO_KEY } else { both(3, u64::from(of.birth_packed()) << 2 | u64::from(sex(of)), district) }
}

/// Date of birth and the first four digits of the number: a slip in the last six is survived.
pub(crate) fn birth_first_digits(of: Identifiers) -> u64 {
    let digits = digits(of);
    if digits == 0 { NO_KEY } else { both(4, u64::from(of.birth_packed()), digits / 1_000_000 + 1) }
}

/// Date of birth and the last four digits of the number: a slip in the first six is survived.
pub(crate) fn birth_last_digits(of: Identifiers) -> u64 {
    let digits = digits(of);
    if digits == 0 { NO_KEY } else { both(5, u64::from(of.birth_packed()), digits % 10_000 + 1) }
}

/// Postcode, sex and year of birth: a slip in day or month is survived, and a swap of the two.
pub(crate) fn postcode_sex_year(of: Identifiers) -> u64 {
    let Some((year, ..)) = civil(of) else { return NO_KEY };
    if sex(of) == 0 { NO_KEY } else { both(6, postcode(of), (year as u64) << 2 | u64::from(sex(of))) }
}

/// Postcode, month and day of birth in ascending order: a slip in the year is survived, whatever the sex.
pub(crate) fn postcode_birthday(of: Identifiers) -> u64 {
    let Some((_, month, day)) = civil(of) else { return NO_KEY };
    both(7, postcode(of), u64::from(month.min(day)) << 8 | u64::from(month.max(day)))
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
    fn pseudo_postcodes_are_no_place_and_only_no_fixed_abode_is_a_value() {
        let of = |text: &[u8]| Identifiers::parse(b"", b"", text, b"").0;
        assert_eq!(Postcode::parse("ZZ99 3VZ").map(Postcode::district), Ok(PSEUDO_DISTRICT));
        assert!(postcode(of(b"ZZ99 3VZ")) != 0 && place(of(b"ZZ99 3VZ")).is_none());
        assert!(postcode(of(b"ZZ99 3WZ")) == 0 && place(of(b"ZZ99 3WZ")).is_none());
        assert!(postcode(of(b"LS1 4AP")) != 0 && place(of(b"LS1 4AP")).is_some());
    }
}
