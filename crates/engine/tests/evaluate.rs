//! `link evaluate` on whole files: a synthetic population with its truth, and a few people of whom impossible things are said.

use caredata_engine::linkage::{Evaluated, Evaluation, LinkFiles, Method, evaluate};
use caredata_engine::report::linkage::{LinkageReport, Rate, SignKind};
use caredata_synth::{Errors, Options, generate};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

fn population(folder: &Path) {
    let options = Options {
        people: 3_000,
        seed: 11,
        months: 1,
        first_month: "2014-04".parse().expect("a month"),
        errors: Errors::Hard,
        out: folder.to_owned(),
    };
    generate(&options, &|_| ()).expect("a population");
}

fn request(folder: &Path, method: Method, truth: bool) -> Evaluation {
    Evaluation {
        files: LinkFiles {
            gp: folder.join("gp/patients.csv"),
            hospital: vec![folder.join("hospital/apc.csv")],
            method,
            identifiers_only: false,
            decisions: None,
        },
        truth: truth.then(|| folder.join("truth")),
    }
}

fn evaluated(folder: &Path, method: Method, truth: bool) -> Evaluated {
    evaluate(&request(folder, method, truth), &folder.join("out")).expect("a report")
}

/// The columns named, of each row.
fn csv(path: &Path, columns: &[&str]) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).expect("a file");
    let header: Vec<&str> = text.lines().next().expect("a header").split(',').collect();
    let places: Vec<usize> =
        columns.iter().map(|name| header.iter().position(|other| other == name).expect("a column")).collect();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        places.iter().map(|&place| fields[place].to_owned()).collect()
    };
    text.lines().skip(1).map(row).collect()
}

/// Turns the rows of a file around.
fn reverse(path: &Path) {
    let text = fs::read_to_string(path).expect("a file");
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    fs::write(path, lines.join("\n") + "\n").expect("written");
}

#[test]
fn a_population_is_measured_and_nobody_is_named() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    population(folder);
    let done = evaluated(folder, Method::Probabilistic, true);
    let truth = csv(&folder.join("truth/hospital.csv"), &["EPIKEY", "person", "group"]);
    let registered: HashSet<String> =
        csv(&folder.join("truth/gp.csv"), &["person"]).into_iter().map(|row| row[0].clone()).collect();
    let found = done.report.truth.as_ref().expect("the truth is known");
    assert_eq!(found.all.records, truth.len() as u64);
    let of_registered = truth.iter().filter(|row| registered.contains(&row[1])).count() as u64;
    assert_eq!(found.all.missed.whole, of_registered);
    assert!(found.all.missed.part > 0 && found.all.missed.part * 20 < of_registered, "{:?}", found.all);
    let groups = truth.iter().filter(|row| row[2] == "asian").count() as u64;
    let asian = found.groups.iter().find(|group| group.group == "Asian").expect("a group of the truth");
    assert_eq!(asian.measured.records, groups);
    // What is in the bins is every record that has a candidate, and linked ones are mostly right.
    let last = found.calibration.last().expect("bins");
    assert!(last.right.whole * 10 > done.report.linked.whole * 8 && last.right.share > Some(0.99));
    let expected = done.report.expected.expect("probabilities");
    assert!(expected.missed >= expected.doubtful && expected.false_links >= 0.0);
    let measure = &done.report.readmissions;
    let in_truth = measure.truth.as_ref().expect("the truth is known");
    assert!(in_truth.false_readmissions * 20 < measure.rate.part.max(20), "{in_truth:?}");
    assert!(measure.rate.whole.abs_diff(in_truth.rate.whole) * 20 < measure.rate.whole);

    let identifiers = csv(&folder.join("hospital/apc.csv"), &["EPIKEY", "LOPATID", "NEWNHSNO", "DOB", "HOMEADD"]);
    let at_practices = csv(&folder.join("gp/patients.csv"), &["patient_id", "nhs_number", "date_of_birth", "postcode"]);
    for path in [&done.page, &done.numbers] {
        let text = fs::read_to_string(path).expect("written");
        let words: HashSet<&str> =
            text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').collect();
        for value in identifiers.iter().chain(&at_practices).flatten().filter(|value| value.len() > 5) {
            let whole =
                if value.contains(' ') { text.contains(value.as_str()) } else { words.contains(value.as_str()) };
            assert!(!whole, "an identifier is in {}", path.display());
        }
    }
    let kept: LinkageReport =
        serde_json::from_str(&fs::read_to_string(&done.numbers).expect("written")).expect("a report");
    let missed = |rate: Rate| (rate.part, rate.whole);
    assert_eq!(kept.truth.map(|truth| missed(truth.all.missed)), Some(missed(found.all.missed)));
}

#[test]
fn the_same_files_give_the_same_report_in_any_order_and_on_one_thread() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    population(folder);
    let read = |done: &Evaluated| [&done.page, &done.numbers].map(|path| fs::read(path).expect("written"));
    let first = read(&evaluated(folder, Method::Probabilistic, true));
    for file in ["gp/patients.csv", "hospital/apc.csv", "truth/gp.csv", "truth/hospital.csv"] {
        reverse(&folder.join(file));
    }
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    let again = one.install(|| read(&evaluated(folder, Method::Probabilistic, true)));
    assert!(first == again);
}

#[test]
fn without_truth_or_probabilities_the_rest_is_said() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    population(folder);
    let report = evaluated(folder, Method::Hesid, false).report;
    assert!(report.truth.is_none() && report.expected.is_none() && report.readmissions.low.is_none());
    assert!(report.linked.part > 0 && !report.linked_by_provider.is_empty());
    let with_truth = evaluated(folder, Method::MatchRank, true).report.truth.expect("the truth is known");
    assert!(with_truth.calibration.is_empty() && with_truth.all.missed.part > 0);
}

#[test]
fn a_truth_that_is_not_there_is_refused() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    population(folder);
    fs::remove_file(folder.join("truth/gp.csv")).expect("removed");
    let refused = evaluate(&request(folder, Method::MatchRank, true), &folder.join("out")).expect_err("refused");
    assert_eq!((refused.code(), refused.exit_code()), ("truth-refused", 3));
    assert!(!folder.join("out").exists(), "nothing is written");
}

/// The `n`th of a sequence of valid NHS Numbers.
fn number(n: u32) -> String {
    let nine = |n: u32| format!("{}", 400_000_000 + n);
    let check = |nine: &str| {
        let sum: u32 = nine.bytes().zip((2..=10).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        11 - sum % 11
    };
    let valid = (n * 100..n * 100 + 100).map(nine).find(|nine| check(nine) != 10).expect("most are valid");
    let digit = check(&valid) % 11;
    format!("{valid}{digit}")
}

#[test]
fn what_cannot_be_true_of_one_person_is_counted_from_the_files() {
    // Who: number, born, sex, died.
    let people = [
        (1, "1960-02-03", 1, "2013-06-01"),
        (2, "1985-04-05", 2, ""),
        (3, "2013-05-01", 1, ""),
        (4, "1980-06-07", 2, ""),
        (5, "2010-08-09", 2, ""),
        (6, "1950-10-11", 2, ""),
    ];
    // What: whose, provider, admitted, discharged, method, diagnosis.
    let stays = [
        (1, "R1", "2013-05-05", "2013-05-06", "31", "O800"), // a delivery by a man
        (1, "R1", "2013-05-10", "2013-05-20", "11", "I10"),  // in two places at once
        (1, "R2", "2013-05-12", "2013-05-18", "11", "I10"),
        (1, "R1", "2013-07-01", "2013-07-02", "11", "I10"), // after death
        (2, "R1", "2013-05-01", "2013-05-03", "31", "O800"), // two deliveries in three months
        (2, "R1", "2013-08-01", "2013-08-02", "32", "O821"),
        (3, "R1", "2013-05-01", "2013-05-02", "82", "Z380"), // born twice
        (3, "R1", "2013-05-20", "2013-05-21", "83", "Z380"),
        (4, "R1", "2013-06-10", "2013-06-11", "82", "Z380"), // born at 33: a baby under its mother's number
        (5, "R1", "2013-06-10", "2013-06-11", "11", "Z370"), // a delivery at 2
        (6, "R1", "2013-05-01", "2013-05-10", "11", "I10"),  // readmitted
        (6, "R2", "2013-05-20", "2013-05-21", "21", "I10"),
    ];
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    fs::create_dir_all(folder.join("gp")).and_then(|()| fs::create_dir_all(folder.join("hospital"))).expect("folders");
    let mut patients = "practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,\
                        registration_date,date_of_death\n"
        .to_owned();
    for (who, born, sex, died) in people {
        writeln!(patients, "A1,{who},{},{born},LS{who} 4AP,{sex},A,2013-05-01,{died}", number(who)).expect("written");
    }
    fs::write(folder.join("gp/patients.csv"), patients).expect("written");
    let mut apc =
        "EPIKEY,PROCODE,LOPATID,NEWNHSNO,DOB,HOMEADD,SEX,ETHNOS,ADMIDATE,DISDATE,ADMIMETH,DISMETH,DIAG_01\n".to_owned();
    for (key, (who, provider, from, to, method, diagnosis)) in stays.into_iter().enumerate() {
        let (_, born, sex, _) = people[who as usize - 1];
        let identifiers = format!("{who},{},{born},LS{who} 4AP,{sex}", number(who));
        writeln!(apc, "{key},{provider},{identifiers},A,{from},{to},{method},1,{diagnosis}").expect("written");
    }
    fs::write(folder.join("hospital/apc.csv"), apc).expect("written");

    let report = evaluated(folder, Method::MatchRank, false).report;
    assert_eq!(report.linked, Rate::of(12, 12));
    let counted: Vec<(SignKind, u64, u64)> =
        report.signs.iter().map(|sign| (sign.kind, sign.persons, sign.records.records)).collect();
    assert_eq!(
        counted,
        [
            (SignKind::TwoPlaces, 1, 2),
            (SignKind::AfterDeath, 1, 1),
            (SignKind::DeliveriesTooClose, 1, 2),
            (SignKind::DeliveryByMale, 1, 1),
            (SignKind::DeliveryAtThatAge, 1, 1),
            (SignKind::BornTwice, 1, 2),
            (SignKind::BirthOfOlder, 1, 1),
        ]
    );
    assert_eq!(report.any_sign.records, 10);
    // Births and deliveries are not followed: three stays of the first person, two of the last.
    assert_eq!(report.readmissions.rate, Rate::of(1, 5));
}
