//! Explanations: they agree with the run, and what they say would change the outcome changes it.

mod common;

use caredata_link::{
    Bond, Conclusion, Decisions, Explanation, Field, Index, NhsLevel, Question, Record, Rule, Settings, Status,
    Supposed, explain, explain_registration, rules,
};
use caredata_model::{Gender, Identifiers, RecordKey};
use common::{identifiers, number, population, postcode, record};

static UNDECIDED: Decisions = Decisions::NONE;

fn question<'a>(settings: &'a Settings, index: &'a Index, of: &'a (Vec<Record>, Vec<Record>)) -> Question<'a> {
    Question { settings, decisions: &UNDECIDED, index, registrations: &of.0, events: &of.1 }
}

/// A population with one registration and one event more.
fn with(registered: Identifiers, seen: Identifiers) -> ((Vec<Record>, Vec<Record>), RecordKey) {
    let (mut registrations, mut events, _) = population(4_000, 2_000, 3);
    registrations.push(record(7_001, registered, 50, 1));
    events.push(record(9_000_001, seen, 101, 2));
    ((registrations, events), RecordKey::from_bits(9_000_001))
}

fn person() -> (u64, (i32, u32, u32)) {
    (number(5_000_000), (1960, 5, 17))
}

fn find(of: &Explanation, field: Field, supposed: Supposed) -> caredata_link::Counterfactual {
    let mut all = of.counterfactuals.iter();
    *all.find(|one| (one.field, one.supposed) == (field, supposed)).expect("it was supposed")
}

#[test]
fn an_explanation_agrees_with_the_run() {
    let (registrations, events, _) = population(4_000, 2_000, 3);
    let (settings, index, records) = (Settings::default(), Index::new(), (registrations, events));
    let linkage = common::link(&settings, &records.0, &records.1);
    let mut outcomes = [0; 3];
    let doubtful = |at: usize| linkage.events[at].probability.is_none_or(|probability| probability < 0.999);
    let asked = (0..records.1.len()).filter(|&at| at % 150 == 0 || doubtful(at)).take(40);
    for at in asked {
        let link = linkage.events[at];
        let explained = explain(&question(&settings, &index, &records), records.1[at].key).expect("an event");
        let to_known = link.status == Status::Linked && link.match_rank.is_some();
        match explained.outcome {
            Conclusion::Linked(place) => {
                assert!(place == 0 && to_known, "{link:?}");
                assert!(
                    (explained.candidates[0].probability - f64::from(link.probability.unwrap_or(0.0))).abs() < 0.02
                );
            }
            Conclusion::Review => assert_eq!(link.status, Status::Review),
            Conclusion::Nobody => assert!(link.status != Status::Review && link.probability.unwrap_or(0.0) < 0.83),
            Conclusion::LinkedElsewhere => unreachable!("as it stands, it is linked to a candidate"),
        }
        let sum: f64 = explained.candidates.iter().map(|one| one.probability).sum();
        assert!((sum + explained.none_probability - 1.0).abs() < 1e-6);
        outcomes[match explained.outcome {
            Conclusion::Linked(_) | Conclusion::LinkedElsewhere => 0,
            Conclusion::Review => 1,
            Conclusion::Nobody => 2,
        }] += 1;
    }
    assert!(outcomes[0] > 5 && outcomes[2] > 0, "{outcomes:?}");
}

#[test]
fn what_would_change_the_outcome_changes_it() {
    let (nhs, born) = person();
    let home = postcode("YO10 3DD");
    let registered = identifiers(nhs, born, Some(home), Gender::Female);
    // No number, and a postcode of another town: in review or nobody's.
    let seen = identifiers(0, born, Some(postcode("HG2 7QQ")), Gender::Female);
    let (records, key) = with(registered, seen);
    let (settings, index) = (Settings::default(), Index::new());
    let explained = explain(&question(&settings, &index, &records), key).expect("an event");
    assert!(
        explained.outcome == Conclusion::Nobody || explained.outcome == Conclusion::Review,
        "{:?}",
        explained.outcome
    );
    // The registration is no candidate: nothing but the date of birth and gender agree.
    let (records, key) = with(registered, identifiers(nhs, born, Some(postcode("HG2 7QQ")), Gender::Female));
    let explained = explain(&question(&settings, &index, &records), key).expect("an event");
    assert_eq!((explained.outcome, explained.candidates[0].pattern.nhs), (Conclusion::Linked(0), NhsLevel::Exact));
    let missing = find(&explained, Field::Number, Supposed::Missing);
    assert!(missing.flips && missing.outcome != Conclusion::Linked(0), "{missing:?}");
    for one in &explained.counterfactuals {
        if one.field == Field::Gender && one.supposed == Supposed::Missing {
            assert!(!one.flips, "the number stands without the gender: {one:?}");
        }
    }
    let moved: Vec<f32> = explained.counterfactuals.iter().map(|one| one.moved_bits).collect();
    assert!(moved.is_sorted(), "the smallest change first: {moved:?}");
    // What was supposed, done: the run says what the counterfactual said.
    let (done, key) = with(registered, identifiers(0, born, Some(postcode("HG2 7QQ")), Gender::Female));
    let outcome = explain(&question(&settings, &index, &done), key).expect("an event").outcome;
    assert_eq!(outcome, missing.outcome);
}

#[test]
fn a_number_that_a_candidate_bears_settles_twins() {
    let (nhs, born) = person();
    let home = Some(postcode("YO10 3DD"));
    let (mut records, key) = with(identifiers(nhs, born, home, Gender::Male), identifiers(0, born, home, Gender::Male));
    records.0.push(record(7_002, identifiers(number(5_000_001), born, home, Gender::Male), 50, 1));
    let (settings, index) = (Settings::default(), Index::new());
    let explained = explain(&question(&settings, &index, &records), key).expect("an event");
    assert_eq!(explained.outcome, Conclusion::Review);
    assert_eq!(find(&explained, Field::Number, Supposed::AsBest).outcome, Conclusion::Linked(0));
    assert_eq!(find(&explained, Field::Number, Supposed::AsNext).outcome, Conclusion::Linked(1));
    let gender = find(&explained, Field::Gender, Supposed::Missing);
    assert!(!gender.flips, "{gender:?}");
}

#[test]
fn a_record_is_no_evidence_for_itself() {
    let (nhs, born) = person();
    let registered = identifiers(nhs, born, Some(postcode("YO10 3DD")), Gender::Female);
    let seen = identifiers(nhs, born, Some(postcode("HG2 7QQ")), Gender::Female);
    let (mut records, key) = with(registered, seen);
    records.1.last_mut().expect("an event").local_id = 4_711;
    let (settings, index) = (Settings::default(), Index::new());
    let explained = explain(&question(&settings, &index, &records), key).expect("an event");
    let missing = find(&explained, Field::Number, Supposed::Missing);
    assert!(
        missing.outcome != Conclusion::Linked(0),
        "its own number must not come back through its patient id: {missing:?}"
    );
    // Another record under the same patient id does say it.
    records.1.push(Record { key: RecordKey::from_bits(9_000_002), ..*records.1.last().expect("an event") });
    let explained = explain(&question(&settings, &index, &records), key).expect("an event");
    assert_eq!(find(&explained, Field::Number, Supposed::Missing).outcome, Conclusion::Linked(0));
}

#[test]
fn a_registration_says_what_it_is_joined_with_and_why() {
    let (nhs, born) = person();
    let home = Some(postcode("YO10 3DD"));
    let own = identifiers(nhs, born, home, Gender::Female);
    let (mut records, _) = with(own, own);
    records.0.push(record(7_002, identifiers(nhs, born, None, Gender::Female), 51, 1));
    records.0.push(record(7_003, identifiers(nhs, (1931, 2, 2), None, Gender::Female), 52, 1));
    records.0.push(record(7_004, identifiers(number(5_000_009), born, home, Gender::Female), 53, 1));
    let (settings, index) = (Settings::default(), Index::new());
    let registered =
        explain_registration(&question(&settings, &index, &records), RecordKey::from_bits(7_001)).expect("there");
    let others: Vec<_> =
        registered.others.iter().map(|other| (other.record.value(), other.joined, other.bond)).collect();
    assert_eq!(
        others,
        [
            (7_002, true, Bond::NumberAndBirthDate),
            (7_003, false, Bond::NumberContradicted),
            (7_004, false, Bond::TwoNumbers)
        ]
    );
    assert_eq!(registered.events, [1, 0]);
    assert!(explain_registration(&question(&settings, &index, &records), RecordKey::from_bits(1)).is_none());
}

#[test]
fn rules_count_what_they_find_and_what_only_they_find() {
    let (registrations, events, _) = population(4_000, 3_000, 5);
    let (settings, index, mut records) = (Settings::default(), Index::new(), (registrations, events));
    let clock = std::sync::atomic::AtomicU64::new(0);
    let ticks = || clock.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let counted = rules(&question(&settings, &index, &records), &ticks);
    let linkage = common::link(&settings, &records.0, &records.1);
    let known = linkage.events.iter().filter(|link| link.match_rank.is_some() || link.probability >= Some(0.83));
    assert_eq!(counted.linked, known.count() as u64);
    assert_eq!(counted.events, 3_000);
    let of = |rule: Rule| counted.rules.iter().find(|count| count.rule == rule).expect("every rule");
    assert!(of(Rule::Number).candidates >= of(Rule::Number).links && of(Rule::Number).links > 2_500);
    assert!(!of(Rule::Number).sole_links.is_empty(), "those that moved are found by number alone");
    for count in &counted.rules {
        assert!(count.candidates >= count.sole_candidates && count.links >= count.sole_links.len() as u64);
        assert!(count.sole_candidates >= count.sole_links.len() as u64);
        assert!(count.finding > 0 && count.weighing > 0, "the clock is read");
    }
    let pairs: u64 = counted.rules.iter().map(|count| count.candidates).sum();
    let sole: u64 = counted.rules.iter().map(|count| count.sole_candidates).sum();
    assert!(sole <= counted.pairs && counted.pairs <= pairs);
    records.0.reverse();
    records.1.reverse();
    let again = rules(&question(&settings, &index, &records), &|| 0);
    for (one, other) in counted.rules.iter().zip(&again.rules) {
        assert_eq!(
            (one.candidates, one.sole_candidates, one.links),
            (other.candidates, other.sole_candidates, other.links)
        );
        assert_eq!(one.sole_links, other.sole_links);
    }
}
