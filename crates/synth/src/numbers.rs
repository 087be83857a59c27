//! NHS Numbers and record keys: a serial in, a number out that nobody else has.

use crate::draw::mix;

/// The most people that a run can number, those born or arriving in later months included.
pub(crate) const PEOPLE_MAX: u32 = 32_000_000;

/// The bits of a serial: `PEOPLE_MAX` lies below 2^25.
const SERIAL: u32 = (1 << 25) - 1;

/// The valid NHS Number of the person with this serial: each serial has eight leading digits of its own.
pub(crate) fn nhs_number(seed: u64, serial: u32) -> u64 {
    // Multiplying by a number prime to 40 million walks through all of 40 million prefixes once.
    let prefix = 40_000_000 + (u64::from(serial) * 23_456_789 + mix(seed) % 40_000_000) % 40_000_000;
    let ninth = mix(seed ^ u64::from(serial)) % 9;
    // The ninth digit weighs 2 and eleven is prime, so of two neighbouring ninth digits at most one has no check digit.
    with_check_digit(prefix * 10 + ninth).unwrap_or_else(|| {
        with_check_digit(prefix * 10 + ninth + 1).expect("of two neighbouring ninth digits one has a check digit")
    })
}

/// The nine digits and their check digit modulus 11, where there is one.
fn with_check_digit(nine: u64) -> Option<u64> {
    let (mut rest, mut sum) = (nine, 0);
    for weight in 2..=10 {
        sum += rest % 10 * weight;
        rest /= 10;
    }
    match 11 - sum % 11 {
        11 => Some(nine * 10),
        10 => None,
        check => Some(nine * 10 + check),
    }
}

/// A key that no other event of its file has, in any month: `nth` below 32, `month` below 128.
pub(crate) fn event_key(serial: u32, month: u32, nth: u32) -> u64 {
    let packed = u64::from(month & 127) << 30 | u64::from(nth & 31) << 25 | u64::from(serial & SERIAL);
    // An odd factor permutes the numbers below a power of two: keys say nothing of who comes next.
    500_000_000_000 + (packed.wrapping_mul(0x5_DEEC_E66D) & ((1 << 37) - 1))
}

/// A number within an organisation that no other person has there.
pub(crate) fn local_number(organisation: u64, serial: u32) -> u64 {
    let hidden = (u64::from(serial) ^ mix(organisation)) & u64::from(SERIAL);
    1_000_000 + (hidden.wrapping_mul(0xDEE_CE67) & u64::from(SERIAL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use caredata_model::NhsDigits;
    use std::collections::HashSet;

    #[test]
    fn numbers_are_valid_and_of_one_person_each() {
        let numbers: HashSet<u64> = (0..50_000).map(|serial| nhs_number(7, serial)).collect();
        assert_eq!(numbers.len(), 50_000);
        for number in numbers {
            assert!(NhsDigits::new(number).is_ok_and(|digits| digits.valid().is_ok()));
        }
    }

    #[test]
    fn keys_are_of_one_event_each() {
        let mut keys = HashSet::new();
        for serial in (0..2000).chain(PEOPLE_MAX - 10..PEOPLE_MAX) {
            for (month, nth) in [(0, 0), (0, 31), (1, 0), (127, 5)] {
                assert!(keys.insert(event_key(serial, month, nth)));
            }
        }
    }

    #[test]
    fn local_numbers_are_of_one_person_each() {
        let mut seen = HashSet::new();
        for serial in (0..50_000).chain(PEOPLE_MAX - 50_000..PEOPLE_MAX) {
            assert!(seen.insert(local_number(17, serial)));
        }
    }
}
