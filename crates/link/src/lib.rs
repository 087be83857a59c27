//! Identifiers in, persons out: blocking, comparison, model, assignment, explanation.
//!
//! Registrations, events and the [`Index`] of everybody known go into [`link`]; a [`Link`] for every record, the index as it is
//! afterwards, if it is asked for, and [`Diagnostics`] come out. The four identifiers are date of birth, postcode, NHS Number and gender; a
//! provider's own patient id is further evidence that [`Settings::identifiers_only`] turns off. No I/O, no clock, no payload.
//!
//! Invariant: the same records and index give the same persons, in whatever order the records come and on any number of
//! threads; an event goes to at most one person, and to none where another fits about as well.
//!
//! ```
//! use caredata_link::{Index, Record, Settings, Status, link};
//! use caredata_model::{Day, Identifiers, PersonId, RecordKey};
//!
//! let record = |key, nhs: &str, born: &str, contribution| Record {
//!     key: RecordKey::from_bits(key),
//!     identifiers: Identifiers::parse(nhs.as_bytes(), born.as_bytes(), b"LS1 4AP", b"2").0,
//!     provider: contribution,
//!     local_id: 0,
//!     day: Day::parse("2014-04-15").unwrap(),
//!     contribution,
//! };
//! let registrations = [record(1, "9434765919", "1956-03-09", 1)];
//! // Day and month exchanged, which does not hide who it is.
//! let events = [record(2, "9434765919", "1956-09-03", 2)];
//! // In earnest a keyed hash, so that nobody can trace an id back to a record.
//! let person_id = |key: RecordKey| PersonId::from_bits(key.value() as u64 + 1_000);
//!
//! let linkage = link(&Settings::default(), Index::new(), &registrations, &events, &person_id);
//! assert_eq!(linkage.events[0].status, Status::Linked);
//! assert_eq!(linkage.events[0].person, linkage.registrations[0].person);
//! ```
//!
//! Other nations' numbers are a [`NumberScheme`] in [`Settings::numbers`]; `examples/` has both at work.
//!
//! How it goes, module by module: `reference` gathers registrations and the index's observations into persons (`join`);
//! `earlier` brings the index's events that are judged again, and what its sure ones teach; `early` finds the events that nobody can compete for; `blocking` finds the others' candidates through `key_index`es and `sets`; `compare` grades each identifier (`levels`) and weighs the
//! values (`frequency`), by what `numbers` are possible; `model` learns how often matching records agree at each level; `score` normalises the candidates and
//! "none of them" into posteriors; `remember` carries what sure links teach over to doubtful events; `group` makes persons of
//! events of nobody known; `ids` names persons; `assign` runs all this, and `decisions` are obeyed throughout. `ranks` and
//! `passes` are the deterministic methods; `lines` spells links out, and `unkeyed` makes record keys where there is no secret.
//! Questions about a run are answered from the run's own judgement (`judged`): `explain` and `counterfactuals`, `doubts`,
//! `rules`.

mod assign;
mod blocking;
mod compare;
mod counterfactuals;
mod decisions;
mod diagnostics;
mod doubts;
mod earlier;
mod early;
mod evaluate;
mod explain;
mod frequency;
mod group;
mod ids;
mod index;
mod join;
mod judged;
mod key_index;
mod keys;
mod levels;
mod lines;
mod model;
mod numbers;
mod passes;
#[cfg(feature = "bench")]
pub mod pieces;
mod providers;
mod ranks;
mod record;
mod reference;
mod remember;
mod rules;
mod score;
mod sets;
mod unkeyed;

pub use assign::{Candidate, Linkage, Pending, link, link_and_candidates, link_obeying};
pub use blocking::Rule;
pub use counterfactuals::{Counterfactual, Field, Supposed};
pub use decisions::{Answer, Contradiction, Decisions};
pub use diagnostics::{Diagnostics, WEIGHT_BINS, WEIGHT_BITS_MIN};
pub use doubts::{Doubt, Doubts, SMALL_MARGIN, doubts};
pub use evaluate::{
    Bin, CALIBRATION_EDGES, Expected, Landed, Outcome, ProbabilitySum, Quality, Ratio, TruePersons, calibration,
    expected, joined, joined_pairs, ratio_95, wilson_95,
};
pub use explain::{Conclusion, Evidence, Explanation, Neighbour, Registered, explain, explain_registration};
pub use index::{Certainty, Change, Index, Kind, Observation, Reason};
pub use join::Bond;
pub use judged::Question;
pub use levels::{BirthLevel, NhsLevel, Pattern, PostcodeLevel, SexLevel};
pub use lines::{HEADER, Ids, push_lines};
pub use model::{Configuration, ITERATIONS_MAX, Learnt, PRIOR_RECORDS, Parameters, Stated, TOLERANCE, learn};
pub use numbers::{Chi, Nhs, NumberScheme, Numbers};
pub use ranks::{HesidRules, agrees_in_part, hesid_pass, match_rank};
pub use record::{Link, Method, Record, RecordColumns, Settings, Status};
pub use rules::{RuleCount, RuleCounts, SoleLink, rules};
pub use unkeyed::{UnkeyedKeys, unkeyed_local_ids};
