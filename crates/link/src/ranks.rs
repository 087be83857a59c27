//! The deterministic methods: HESID's three passes and the eight match ranks, as recorded.
//!
//! Two records -> a pass or rank, or none. What the published records leave undefined stays off: rank 1B, and the third form of
//! a partial date of birth (month and day). Invariant: a rule holds only where all its values are present and valid.

use crate::Record;
use crate::keys;
use crate::numbers::Numbers;
use caredata_model::{BirthDate, Day, Gender, Identifiers};

/// Whether a date of birth agrees in part: any two of year, month and day equal; or the year equal and day and month
/// exchanged. An equal date agrees in part too.
pub fn agrees_in_part(a: BirthDate, b: BirthDate) -> bool {
    let ((y1, m1, d1), (y2, m2, d2)) = (a.day().civil(), b.day().civil());
    u8::from(y1 == y2) + u8::from(m1 == m2) + u8::from(d1 == d2) >= 2 || (y1 == y2 && m1 == d2 && d1 == m2)
}

/// A date of birth as HESID holds it valid: real, from 1895-01-01 to the last day of the data.
fn hesid_birth(of: Identifiers, last: Day) -> Option<BirthDate> {
    let date = of.birth_date()?;
    let first = Day::new(1895, 1, 1).ok()?;
    (first..=last).contains(&date.day()).then_some(date)
}

/// The postcode as HESID compares it: not beginning ZZ, spaces and zeros dropped, so that `B10 1AA` and `B1 1AA` coincide.
pub(crate) fn hesid_postcode(of: Identifiers) -> u64 {
    let Some(postcode) = of.postcode() else { return 0 };
    let symbols = postcode.symbols();
    if symbols.starts_with(b"ZZ") {
        return 0;
    }
    let kept = symbols.into_iter().filter(|&symbol| symbol != 0 && symbol != b'0');
    kept.fold(0, |text, symbol| text << 8 | u64::from(symbol))
}

fn same_sex(a: Identifiers, b: Identifiers) -> bool {
    a.gender() != Gender::NotKnown && a.gender() == b.gender()
}

/// What HESID's passes go by besides the records.
#[derive(Clone, Copy, Debug)]
pub struct HesidRules {
    /// The last day of the data: nobody is born later.
    pub last: Day,
    /// Which numbers are possible.
    pub numbers: Numbers,
    /// Whether a provider's patient id is left aside.
    pub identifiers_only: bool,
}

/// The HESID pass, 1 to 3, in which two records are one person.
///
/// 1: sex, date of birth (in part is enough) and NHS Number; 2: sex, date of birth, postcode and the provider's patient id;
/// 3: sex, date of birth and postcode.
pub fn hesid_pass(rules: HesidRules, a: &Record, b: &Record) -> Option<u8> {
    let (left, right) = (a.identifiers, b.identifiers);
    if !same_sex(left, right) {
        return None;
    }
    let (born, other_born) = (hesid_birth(left, rules.last)?, hesid_birth(right, rules.last)?);
    let number = rules.numbers.possible(left);
    if number != 0 && number == rules.numbers.possible(right) && agrees_in_part(born, other_born) {
        return Some(1);
    }
    if born != other_born || hesid_postcode(left) == 0 || hesid_postcode(left) != hesid_postcode(right) {
        return None;
    }
    let same_local = a.local_id != 0 && (a.provider, a.local_id) == (b.provider, b.local_id);
    Some(if same_local && !rules.identifiers_only { 2 } else { 3 })
}

/// The match rank, 1 to 8, of two records; `ignored` says whether a postcode is on the list of communal ones.
pub fn match_rank(numbers: Numbers, a: Identifiers, b: Identifiers, ignored: impl Fn(u64) -> bool) -> Option<u8> {
    let sex = same_sex(a, b);
    let (ours, theirs) = (numbers.possible(a), numbers.possible(b));
    let number = ours != 0 && ours == theirs;
    let place = keys::place(a).filter(|&place| keys::place(b) == Some(place));
    let births = a.birth_date().zip(b.birth_date());
    let born = births.is_some_and(|(a, b)| a == b);
    let in_part = births.is_some_and(|(a, b)| agrees_in_part(a, b));
    let contradicts = ours != 0 && theirs != 0 && !number;
    let new_years_day = a.birth_date().is_some_and(|date| matches!(date.day().civil(), (_, 1, 1)));
    match (number, place) {
        (true, Some(_)) if sex && born => Some(1),
        (true, _) if sex && born => Some(2),
        (true, Some(_)) if sex && in_part => Some(3),
        (true, _) if sex && in_part => Some(4),
        (true, Some(_)) => Some(5),
        (true, None) => Some(8),
        (false, Some(at)) if sex && born && !contradicts && !new_years_day => {
            Some(if ignored(at.packed()) { 7 } else { 6 })
        }
        (false, Some(_) | None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caredata_model::RecordKey;

    fn record(nhs: &str, born: &str, postcode: &str, sex: &str, local_id: u64) -> Record {
        let (identifiers, _) = Identifiers::parse(nhs.as_bytes(), born.as_bytes(), postcode.as_bytes(), sex.as_bytes());
        let day = Day::new(2014, 4, 1).expect("a day");
        Record { key: RecordKey::from_bits(1), identifiers, provider: 1, local_id, day, contribution: 1 }
    }

    const N1: &str = "9434765919";
    const N2: &str = "9434765870";

    #[test]
    fn match_ranks_as_recorded() {
        let base = record(N1, "1956-03-09", "LS1 4AP", "2", 0).identifiers;
        for (other, expected) in [
            (record(N1, "1956-03-09", "LS1 4AP", "2", 0), Some(1)),
            (record(N1, "1956-03-09", "LS1 4AQ", "2", 0), Some(2)),
            (record(N1, "1956-03-10", "LS1 4AP", "2", 0), Some(3)),
            (record(N1, "1956-09-03", "LS1 4AP", "2", 0), Some(3)),
            (record(N1, "1957-03-09", "", "2", 0), Some(4)),
            (record(N1, "1956-03-09", "LS1 4AP", "1", 0), Some(5)),
            (record("", "1956-03-09", "LS1 4AP", "2", 0), Some(6)),
            (record(N2, "1956-03-09", "LS1 4AP", "2", 0), None),
            (record(N1, "1980-12-24", "", "1", 0), Some(8)),
            (record("", "1956-03-09", "LS1 4AQ", "2", 0), None),
            // The undefined third partial form (month and day exchanged in another year) stays off.
            (record(N1, "1957-09-03", "", "2", 0), Some(8)),
        ] {
            assert_eq!(match_rank(Numbers::default(), base, other.identifiers, |_| false), expected);
            assert_eq!(match_rank(Numbers::default(), other.identifiers, base, |_| false), expected);
        }
        let unnumbered = record("", "1956-03-09", "LS1 4AP", "2", 0).identifiers;
        assert_eq!(match_rank(Numbers::default(), base, unnumbered, |_| true), Some(7), "communal postcode");
        let new_year = record("", "1956-01-01", "LS1 4AP", "2", 0).identifiers;
        assert_eq!(match_rank(Numbers::default(), new_year, new_year, |_| false), None, "1 January");
    }

    #[test]
    fn hesid_passes_as_recorded() {
        let last = Day::new(2014, 3, 31).expect("a day");
        let rules = HesidRules { last, numbers: Numbers::default(), identifiers_only: false };
        let base = record(N1, "1956-03-09", "B10 1AA", "2", 77);
        for (other, expected) in [
            (record(N1, "1956-03-09", "", "2", 0), Some(1)),
            (record(N1, "1956-09-03", "", "2", 0), Some(1)),
            (record("", "1956-03-09", "B10 1AA", "2", 77), Some(2)),
            (record(N2, "1956-03-09", "B10 1AA", "2", 0), Some(3)),
            (record("", "1956-03-09", "B1 1AA", "2", 0), Some(3)),
            (record(N1, "1956-03-09", "B10 1AA", "1", 77), None),
            (record("", "1956-03-10", "B10 1AA", "2", 77), None),
        ] {
            assert_eq!(hesid_pass(rules, &base, &other), expected);
        }
        let other = record("", "1956-03-09", "B10 1AA", "2", 77);
        assert_eq!(
            hesid_pass(HesidRules { identifiers_only: true, ..rules }, &base, &other),
            Some(3),
            "identifiers only"
        );
        let early = record(N1, "1894-12-31", "B10 1AA", "2", 77);
        assert_eq!(hesid_pass(rules, &early, &early), None, "before 1895");
        let late = record(N1, "2014-04-01", "B10 1AA", "2", 77);
        assert_eq!(hesid_pass(rules, &late, &late), None, "after the data");
    }
}
