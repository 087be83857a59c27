//! What a population must be: rates as stated, the same for a seed, plausible in time, and following on from month to month.

use caredata_model::{CodeSystem, Day, NhsNumber, Postcode};
use caredata_synth::{Errors, Mistake, MistakeCounts, Options, Summary, generate};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// A CSV file as rows by column name; no field of ours is ever quoted.
struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a file that was just written");
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        let header = lines.next().expect("a header");
        let columns: HashMap<_, _> = header.into_iter().enumerate().map(|(place, name)| (name, place)).collect();
        let rows: Vec<_> = lines.collect();
        assert!(rows.iter().all(|row| row.len() == columns.len()), "{}", path.display());
        Self { columns, rows }
    }

    fn get<'a>(&self, row: &'a [String], column: &str) -> &'a str {
        &row[self.columns[column]]
    }

    fn column(&self, column: &str) -> Vec<&str> {
        self.rows.iter().map(|row| self.get(row, column)).collect()
    }
}

fn make(people: u32, errors: Errors, months: u32, seed: u64) -> (tempfile::TempDir, Summary) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut options = Options::new(people, folder.path().into());
    (options.errors, options.months, options.seed) = (errors, months, seed);
    let summary = generate(&options, &|_| ()).expect("a population");
    (folder, summary)
}

/// The rates as published with the presets, in the order of `Mistake::ALL`.
const GP: [f64; 11] = [0.001, 0.0003, 0.0001, 0.001, 0.0001, 0.02, 0.002, 0.001, 0.0005, 0.0005, 0.0005];
const STANDARD: [f64; 11] = [0.018, 0.002, 0.0006, 0.005, 0.0005, 0.055, 0.006, 0.006, 0.002, 0.002, 0.002];
const HARD: [f64; 11] = [0.15, 0.01, 0.003, 0.02, 0.003, 0.12, 0.02, 0.02, 0.006, 0.005, 0.006];

/// Rates hold within sampling error (five deviations), and the factors are near 1 over everybody.
fn assert_rates(counts: &MistakeCounts, rates: &[f64; 11]) {
    let factor = counts.factors / counts.records as f64;
    assert!((0.9..1.2).contains(&factor), "mean factor {factor}");
    for (mistake, rate) in Mistake::ALL.into_iter().zip(rates) {
        let (made, expected) = (counts.made[mistake as usize] as f64, rate * counts.factors);
        // Whether a person has an earlier address is itself a draw shared by that person's records.
        let shared = if mistake == Mistake::PostcodeOld { 0.03 * expected } else { 0.0 };
        assert!((made - expected).abs() < 5.0 * expected.sqrt() + shared + 2.0, "{mistake:?}: {made} for {expected}");
    }
}

#[test]
fn mistakes_come_at_the_stated_rates() {
    for (errors, rates) in [(Errors::Standard, &STANDARD), (Errors::Hard, &HARD)] {
        let (_folder, summary) = make(60_000, errors, 1, 5);
        assert_rates(&summary.gp_mistakes, &GP);
        assert_rates(&summary.hospital_mistakes, rates);
        let share = summary.admissions as f64 / 60_000.0;
        assert!((0.87..0.93).contains(&share), "{share} admissions a person");
        let entries = summary.entries as f64 / 60_000.0;
        assert!((7.5..10.5).contains(&entries), "{entries} entries a person");
    }
}

#[test]
fn files_bear_out_what_the_summary_says_of_mistakes() {
    let (folder, _) = make(40_000, Errors::Standard, 1, 9);
    let people = Table::read(&folder.path().join("truth/people.csv"));
    let truth: HashMap<&str, &Vec<String>> = people.rows.iter().map(|row| (people.get(row, "person"), row)).collect();
    let admissions = Table::read(&folder.path().join("hospital/apc.csv"));
    let links = Table::read(&folder.path().join("truth/hospital.csv"));
    assert_eq!(admissions.column("EPIKEY"), links.column("EPIKEY"));
    let (mut wrong, mut absent, mut old, mut slipped, mut total) = (0, 0, 0, 0, 0);
    for (row, link) in admissions.rows.iter().zip(&links.rows) {
        let person = truth[links.get(link, "person")];
        if admissions.get(row, "ADMIMETH").starts_with('8') {
            continue;
        }
        total += 1;
        let number = admissions.get(row, "NEWNHSNO");
        absent += u32::from(number.is_empty());
        wrong += u32::from(!number.is_empty() && number != people.get(person, "nhs_number"));
        let postcode = admissions.get(row, "HOMEADD");
        old += u32::from(!postcode.is_empty() && postcode == people.get(person, "earlier_postcode"));
        slipped += u32::from(admissions.get(row, "DOB") != people.get(person, "date_of_birth"));
    }
    let near = |count: u32, rate: f64| {
        let share = f64::from(count) / f64::from(total);
        assert!((0.75 * rate..1.35 * rate).contains(&share), "{share} where {rate} was asked for");
    };
    near(absent, 0.018);
    near(wrong, 0.0026);
    near(old, 0.055);
    near(slipped, 0.0055);
}

#[test]
fn a_seed_makes_one_population_at_any_number_of_threads() {
    let files = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let (folder, _) = pool.install(|| make(9_000, Errors::Standard, 2, seed));
        ["2014-04", "2014-05"].map(|month| {
            [
                "gp/patients.csv",
                "gp/journals.csv",
                "hospital/apc.csv",
                "hospital/op.csv",
                "hospital/ae.csv",
                "other/social_care.csv",
                "truth/people.csv",
            ]
            .map(|file| std::fs::read(folder.path().join(month).join(file)).expect("a file"))
        })
    };
    let one = files(1, 3);
    assert!(one == files(3, 3), "two and three threads differ");
    assert!(one != files(1, 4), "seeds do not matter");
}

#[test]
fn truth_follows_the_rows_of_registrations_and_numbers_are_valid() {
    let (folder, _) = make(20_000, Errors::Standard, 1, 2);
    let patients = Table::read(&folder.path().join("gp/patients.csv"));
    let truth = Table::read(&folder.path().join("truth/gp.csv"));
    let keys = |table: &Table| -> Vec<String> {
        table
            .rows
            .iter()
            .map(|row| format!("{}/{}", table.get(row, "practice_code"), table.get(row, "patient_id")))
            .collect()
    };
    assert_eq!(keys(&patients), keys(&truth));
    assert_eq!(keys(&patients).into_iter().collect::<HashSet<_>>().len(), patients.rows.len(), "keys are unique");
    let people = Table::read(&folder.path().join("truth/people.csv"));
    assert!(people.column("nhs_number").iter().all(|number| NhsNumber::parse(number).is_ok()));
    assert!(people.column("postcode").iter().all(|postcode| Postcode::parse(postcode).is_ok()));
    let persons = truth.column("person");
    let registered: HashSet<&str> = persons.iter().copied().collect();
    let share = registered.len() as f64 / 20_000.0;
    assert!((0.95..0.98).contains(&share), "{share} have a GP");
    let twice = (persons.len() - registered.len()) as f64 / registered.len() as f64;
    assert!((0.002..0.006).contains(&twice), "{twice} have two");
}

#[test]
fn twins_and_households_live_together() {
    let (folder, _) = make(60_000, Errors::Standard, 1, 2);
    let people = Table::read(&folder.path().join("truth/people.csv"));
    let by_person: HashMap<&str, &Vec<String>> =
        people.rows.iter().map(|row| (people.get(row, "person"), row)).collect();
    let (mut twins, mut one_sex, mut births) = (0, 0, 0);
    for row in &people.rows {
        births += 1;
        let head = by_person[people.get(row, "household")];
        assert_eq!(people.get(row, "postcode"), people.get(head, "postcode"));
        let twin = people.get(row, "twin");
        if twin.is_empty() {
            continue;
        }
        let twin = by_person[twin];
        for column in ["date_of_birth", "postcode", "household"] {
            assert_eq!(people.get(row, column), people.get(twin, column));
        }
        assert_ne!(people.get(row, "nhs_number"), people.get(twin, "nhs_number"));
        twins += 1;
        one_sex += u32::from(people.get(row, "sex") == people.get(twin, "sex"));
    }
    let share = f64::from(twins) / f64::from(births);
    assert!((0.012..0.016).contains(&share), "{share} of births are twins'");
    let same = f64::from(one_sex) / f64::from(twins);
    assert!((0.6..0.74).contains(&same), "{same} of twins are of one sex");
}

#[test]
fn days_are_plausible() {
    let (folder, _) = make(30_000, Errors::Standard, 1, 4);
    let people = Table::read(&folder.path().join("truth/people.csv"));
    let truth: HashMap<&str, &Vec<String>> = people.rows.iter().map(|row| (people.get(row, "person"), row)).collect();
    let admissions = Table::read(&folder.path().join("hospital/apc.csv"));
    let links = Table::read(&folder.path().join("truth/hospital.csv"));
    let (mut deaths, mut births, mut deliveries) = (0, 0, 0);
    let mut stays: HashMap<&str, Vec<(&str, &str, &str)>> = HashMap::new();
    for (row, link) in admissions.rows.iter().zip(&links.rows) {
        let person = truth[links.get(link, "person")];
        let (admitted, discharged) = (admissions.get(row, "ADMIDATE"), admissions.get(row, "DISDATE"));
        assert!(("2013-05-01".."2014-05-01").contains(&admitted), "{admitted}");
        assert!(discharged.is_empty() || (admitted <= discharged && discharged < "2014-05-01"));
        let (born, died) = (people.get(person, "date_of_birth"), people.get(person, "date_of_death"));
        assert!(born <= admitted && (died.is_empty() || admitted <= died));
        let method = admissions.get(row, "ADMIMETH");
        deaths += u32::from(admissions.get(row, "DISMETH") == "4");
        births += u32::from(method == "82" && admitted == born);
        deliveries += u32::from(method.starts_with('3') && people.get(person, "sex") == "2");
        assert!(!method.starts_with('3') || people.get(person, "sex") == "2");
        let stay = (admitted, discharged, admissions.get(row, "PROVSPNO"));
        stays.entry(links.get(link, "person")).or_default().push(stay);
    }
    assert!(
        deaths > 50 && births > 150 && deliveries > 100,
        "{deaths} deaths, {births} births, {deliveries} deliveries"
    );
    for of_one in stays.values_mut() {
        of_one.sort_unstable();
        of_one.dedup();
        for pair in of_one.windows(2) {
            assert!(pair[0].1 < pair[1].0 && !pair[0].1.is_empty(), "one person's stays overlap");
        }
    }
}

#[test]
fn objections_come_in_every_code_system_and_way_of_writing() {
    let (folder, _) = make(60_000, Errors::Standard, 1, 1);
    let journals = Table::read(&folder.path().join("gp/journals.csv"));
    let mut seen: HashMap<(String, String), u32> = HashMap::new();
    let (mut undated, mut future) = (0, 0);
    for row in &journals.rows {
        let (system, code) = (journals.get(row, "code_system"), journals.get(row, "code"));
        let bare = CodeSystem::parse(system).expect("a code system").normalise(code);
        let wish = ["9Nu", "XaZ8", "XaaV"].iter().any(|start| bare.starts_with(start))
            || bare.ends_with("00000010")
            || ["827241000000103", "827261000000102", "881561000000100", "881581000000109"].contains(&bare);
        if wish {
            *seen.entry((system.to_owned(), code.to_owned())).or_default() += 1;
            undated += u32::from(journals.get(row, "event_date").is_empty());
            future += u32::from(journals.get(row, "event_date") > "2014-04-30");
        }
    }
    for (system, codes) in [
        ("read2", ["9Nu0.", "9Nu1.", "9Nu4.", "9Nu5."].as_slice()),
        ("read2", &["9Nu0", "9Nu0.00", "9Nu4", "9Nu4.00"]),
        ("ctv3", &["XaZ89", "XaZ8A", "XaaVL", "XaaVM"]),
        ("snomed", &["827241000000103", "827261000000102", "881561000000100", "881581000000109"]),
    ] {
        for code in codes {
            assert!(seen.contains_key(&(system.to_owned(), (*code).to_owned())), "no {system} {code}");
        }
    }
    assert!(undated > 10 && future > 10, "{undated} undated, {future} in the future");
    let objectors = Table::read(&folder.path().join("truth/objectors.csv"));
    for kind in ["object-gp", "object-all"] {
        let of_kind: Vec<_> = objectors.rows.iter().filter(|row| objectors.get(row, "kind") == kind).collect();
        let share = of_kind.len() as f64 / 60_000.0;
        assert!((0.012..0.018).contains(&share), "{share} {kind}");
        for (said, stands) in [
            ("object", "yes"),
            ("object withdraw", "no"),
            ("object withdraw", "yes"),
            ("object withdraw object", "yes"),
            ("withdraw", "no"),
        ] {
            assert!(
                of_kind.iter().any(|row| objectors.get(row, "said") == said && objectors.get(row, "stands") == stands),
                "{kind}: {said} {stands}"
            );
        }
    }
}

#[test]
fn months_follow_on_from_each_other() {
    let (folder, _) = make(30_000, Errors::Standard, 3, 1);
    let read = |month: &str, file: &str| Table::read(&folder.path().join(month).join(file));
    let (first, last) = (read("2014-04", "gp/patients.csv"), read("2014-06", "gp/patients.csv"));
    let rows = |table: &Table| -> HashMap<String, Vec<String>> {
        table
            .rows
            .iter()
            .map(|row| (format!("{}/{}", table.get(row, "practice_code"), table.get(row, "patient_id")), row.clone()))
            .collect()
    };
    let (before, after) = (rows(&first), rows(&last));
    let stayed = before.keys().filter(|key| after.contains_key(*key)).count() as f64 / before.len() as f64;
    assert!((0.97..1.0).contains(&stayed), "{stayed} stayed");
    assert!(after.keys().any(|key| !before.contains_key(key)), "nobody came");
    let moved = before
        .iter()
        .filter(|(key, row)| after.get(*key).is_some_and(|now| first.get(row, "postcode") != last.get(now, "postcode")))
        .count();
    let kept = before
        .iter()
        .filter(|(key, row)| {
            after.get(*key).is_some_and(|now| first.get(row, "nhs_number") == last.get(now, "nhs_number"))
        })
        .count();
    assert!(moved > 50, "{moved} moved");
    assert_eq!(kept, before.keys().filter(|key| after.contains_key(*key)).count(), "a number changed by itself");
    let mut keys = HashSet::new();
    let mut wishes = Vec::new();
    for (month, next) in [("2014-04", "2014-05-01"), ("2014-05", "2014-06-01"), ("2014-06", "2014-07-01")] {
        let admissions = read(month, "hospital/apc.csv");
        for row in &admissions.rows {
            assert!(keys.insert(admissions.get(row, "EPIKEY").to_owned()), "a key came twice");
            assert!(Day::parse(admissions.get(row, "ADMIDATE")).is_ok());
            assert!((month..next).contains(&admissions.get(row, "ADMIDATE")));
        }
        let share = admissions.rows.len() as f64 / 30_000.0;
        assert!((0.06..0.09).contains(&share), "{share} admissions a person and month");
        let objectors = read(month, "truth/objectors.csv");
        let said: HashMap<(String, String), String> = objectors
            .rows
            .iter()
            .map(|row| {
                let who = format!("{}/{}", objectors.get(row, "practice_code"), objectors.get(row, "patient_id"));
                ((who, objectors.get(row, "kind").to_owned()), objectors.get(row, "said").to_owned())
            })
            .collect();
        wishes.push(said);
    }
    let (mut withdrew, mut objected) = (0, 0);
    for pair in wishes.windows(2) {
        for (who, said) in &pair[1] {
            match pair[0].get(who) {
                Some(before) => {
                    assert!(said.starts_with(before.as_str()), "what was said was unsaid");
                    withdrew += u32::from(said.len() > before.len());
                }
                None => objected += 1,
            }
        }
    }
    assert!(withdrew > 0 && objected > 0, "{withdrew} withdrew, {objected} objected");
}

#[test]
fn impossible_numbers_are_refused() {
    for (people, months) in [(0, 1), (99, 1), (30_000_000, 1), (1000, 0), (1000, 121)] {
        let mut options = Options::new(people, "never-made".into());
        options.months = months;
        assert!(generate(&options, &|_| ()).is_err());
        assert!(!options.out.exists());
    }
}
