//! The sum that must hold: rows in = admitted + withheld + quarantined.
//!
//! Invariant: a row is counted once; the rows in are counted by the reader, not here, so that the sum can fail.

use crate::{AdmitError, AtGate, Disposal, Reason};
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Rows of one contribution by what became of them.
///
/// ```
/// use caredata_admit::{AtGate, Disposal, Reason, Tally};
/// let mut tally = Tally::default();
/// tally.admit(7);
/// tally.withhold(AtGate::ByRecord, Reason::ObjectedAll, Disposal::Sealed, 2);
/// tally.quarantine(1);
/// assert!(tally.check("apc", 10).is_ok());
/// assert!(tally.check("apc", 11).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    admitted: u64,
    quarantined: u64,
    withheld: BTreeMap<(AtGate, Reason, Disposal), u64>,
}

impl Tally {
    /// Counts rows admitted.
    pub fn admit(&mut self, rows: u64) {
        self.admitted += rows;
    }

    /// Counts rows quarantined: refused by the reader, or duplicates.
    pub fn quarantine(&mut self, rows: u64) {
        self.quarantined += rows;
    }

    /// Counts rows withheld.
    pub fn withhold(&mut self, gate: AtGate, reason: Reason, disposal: Disposal, rows: u64) {
        if rows > 0 {
            *self.withheld.entry((gate, reason, disposal)).or_default() += rows;
        }
    }

    /// Moves rows that gate 1 admitted and gate 2 withheld. More of them than were admitted make [`Tally::check`] fail.
    pub fn withhold_admitted(&mut self, reason: Reason, disposal: Disposal, rows: u64) {
        let moved = rows.min(self.admitted);
        self.admitted -= moved;
        self.withhold(AtGate::ByPerson, reason, disposal, rows);
    }

    /// Takes an admitted or withheld row out of its count and into quarantine: a duplicate.
    pub(crate) fn requarantine(&mut self, withheld: Option<(Reason, Disposal)>) {
        match withheld {
            None => self.admitted -= 1,
            Some((reason, disposal)) => {
                let key = (AtGate::ByRecord, reason, disposal);
                if let Some(rows) = self.withheld.get_mut(&key) {
                    *rows -= 1;
                }
                self.withheld.retain(|_, rows| *rows > 0);
            }
        }
        self.quarantined += 1;
    }

    /// Rows admitted.
    pub const fn admitted(&self) -> u64 {
        self.admitted
    }

    /// Rows quarantined.
    pub const fn quarantined(&self) -> u64 {
        self.quarantined
    }

    /// Rows withheld, for whatever reason.
    pub fn withheld(&self) -> u64 {
        self.withheld.values().sum()
    }

    /// Rows withheld by gate, reason and what became of them, in that order.
    pub fn withheld_by(&self) -> impl Iterator<Item = (AtGate, Reason, Disposal, u64)> {
        self.withheld.iter().map(|(&(gate, reason, disposal), &rows)| (gate, reason, disposal, rows))
    }

    /// Rows withheld for one reason, at either gate.
    pub fn withheld_for(&self, reason: Reason) -> u64 {
        self.withheld_by().filter(|&(_, why, _, _)| why == reason).map(|(_, _, _, rows)| rows).sum()
    }

    /// Checks the sum against the rows that the reader counted.
    ///
    /// # Errors
    /// [`AdmitError::SumDoesNotHold`]; nothing of the run may then be used.
    pub fn check(&self, source_name: &str, rows_in: u64) -> Result<(), AdmitError> {
        let (admitted, withheld, quarantined) = (self.admitted, self.withheld(), self.quarantined);
        if admitted + withheld + quarantined == rows_in {
            Ok(())
        } else {
            let source_name = source_name.to_owned();
            Err(AdmitError::SumDoesNotHold { source_name, rows_in, admitted, withheld, quarantined })
        }
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.admitted += other.admitted;
        self.quarantined += other.quarantined;
        for (gate, reason, disposal, rows) in other.withheld_by() {
            self.withhold(gate, reason, disposal, rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_survives_the_second_gate_and_duplicates() {
        let mut tally = Tally::default();
        tally.admit(5);
        tally.withhold(AtGate::ByRecord, Reason::ObjectedAll, Disposal::Sealed, 2);
        tally.withhold_admitted(Reason::ObjectedAll, Disposal::Sealed, 3);
        tally.requarantine(None);
        tally.requarantine(Some((Reason::ObjectedAll, Disposal::Sealed)));
        assert_eq!((tally.admitted(), tally.withheld(), tally.quarantined()), (1, 4, 2));
        assert!(tally.check("apc", 7).is_ok());
    }

    #[test]
    fn a_row_lost_or_won_is_an_error_that_names_the_source() {
        let mut tally = Tally::default();
        tally.admit(5);
        let message = tally.check("apc", 6).expect_err("a row is missing").to_string();
        assert!(message.starts_with("apc: 6 rows came in, but 5 admitted, 0 withheld and 0 quarantined"), "{message}");
        tally.withhold_admitted(Reason::ObjectedAll, Disposal::Sealed, 6);
        assert!(tally.check("apc", 5).is_err());
    }

    #[test]
    fn tallies_of_batches_add_up() {
        let mut one = Tally::default();
        one.admit(1);
        one.withhold(AtGate::ByRecord, Reason::SensitiveCode, Disposal::Dropped, 4);
        let mut all = one.clone();
        all += &one;
        assert_eq!((all.admitted(), all.withheld_for(Reason::SensitiveCode)), (2, 8));
    }
}
