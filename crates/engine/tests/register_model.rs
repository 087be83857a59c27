//! Random histories of wishes, and an oracle that says who objects: the register must say the same, whether it is asked person by
//! person or of everybody at once.
//!
//! `cargo xtask histories` plays millions of wishes; `CAREDATA_WISHES` says how many.

use caredata_engine::audit::Audit;
use caredata_engine::error::Remark;
use caredata_engine::home::{Home, InitOptions, Policy};
use caredata_engine::register::Register;
use caredata_model::{Choice, Day, NhsNumber, Scope};
use std::fmt::Write as _;
use std::fs;

/// Wishes played where nobody says otherwise.
const WISHES: u64 = 60_000;
const TODAY: &str = "2030-01-01";
/// The day on which a wish without a recording was noted, as far as the oracle cares: after all stated days, before [`TODAY`].
const NOTED: &str = "2029-12-31";
const SCOPES: [&str; 3] = ["gp", "all", "source:apc"];

/// A seeded source of numbers (`splitmix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    /// A day of some that are few enough to coincide often; now and then none, no day, or one that lies ahead.
    fn day(&mut self) -> String {
        match self.below(20) {
            0 => String::new(),
            1 => "soon".to_owned(),
            2 => format!("2031-01-{:02}", 1 + self.below(28)),
            _ => format!("2014-{:02}-{:02}", 1 + self.below(3), 1 + self.below(9)),
        }
    }
}

#[derive(Clone)]
struct Said {
    person: usize,
    scope: usize,
    objects: bool,
    effective: String,
    recorded: String,
    /// In which file it came.
    file: u64,
}

/// The oracle: whether an objection stands after all that one person said about one thing.
fn objects(said: &[&Said]) -> bool {
    let day = |text: &str| if text == "soon" { String::new() } else { text.to_owned() };
    let weighed = said.iter().filter_map(|said| {
        let (effective, recorded) = (day(&said.effective), day(&said.recorded));
        let is_behind = !effective.is_empty() && effective.as_str() <= NOTED;
        match (said.objects, is_behind, recorded.as_str()) {
            // A withdrawal counts from its date if it has one; not recorded is recorded first.
            (false, true, _) => Some((effective, recorded, false)),
            (false, false, _) => None,
            // An objection counts from the earlier of its days, or from when it was noted; not recorded is recorded last.
            (true, true, "") => Some((effective, "9999".to_owned(), true)),
            (true, true, _) => Some((effective.min(recorded.clone()), recorded, true)),
            (true, false, "") => Some((NOTED.to_owned(), NOTED.to_owned(), true)),
            (true, false, _) => Some((recorded.clone(), recorded, true)),
        }
    });
    weighed.max().is_some_and(|(_, _, objects)| objects)
}

/// Valid numbers, as many as are asked for.
fn numbers(count: usize) -> Vec<NhsNumber> {
    let nine = 400_000_000_u64..;
    let all = nine.flat_map(|nine| (0..10).filter_map(move |check| NhsNumber::parse(&format!("{nine}{check}")).ok()));
    all.take(count).collect()
}

fn remark(text: &str) -> Remark {
    Remark::parse("text", text).expect("a remark")
}

fn load(register: &Register, audit: &Audit, folder: &std::path::Path, said: &[Said], numbers: &[NhsNumber]) {
    let mut text = "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id\n".to_owned();
    for (line, one) in said.iter().enumerate() {
        let kind = if one.objects { "object" } else { "withdraw" };
        let number = numbers[one.person].value();
        let _ = writeln!(
            text,
            "{number:010},{kind}-{},{},{},letter,a test,{}-{line}",
            SCOPES[one.scope], one.effective, one.recorded, one.file
        );
    }
    let file = folder.join("objections.csv");
    fs::write(&file, text).expect("written");
    let loaded = register.load(audit, &file).expect("loaded");
    assert_eq!(loaded.rows, said.len() as u64);
}

#[test]
fn the_register_says_of_everybody_what_the_oracle_says() {
    let wishes: u64 = std::env::var("CAREDATA_WISHES").map_or(WISHES, |text| text.parse().expect("a number"));
    let people = (wishes / 6) as usize;
    let numbers = numbers(people);
    let place = tempfile::tempdir().expect("a folder");
    let options = InitOptions {
        keys: Some(place.path().join("keys")),
        policy: Policy::default(),
        attestation: None,
        register: None,
        who: remark("tester"),
    };
    let home = Home::init(&place.path().join("home"), &options).expect("a home");
    let mut dice = Dice(wishes);
    let mut all: Vec<Said> = Vec::new();
    for file in 1..=4 {
        let said: Vec<Said> = (0..wishes / 4)
            .map(|_| Said {
                person: dice.below(people as u64) as usize,
                scope: dice.below(3) as usize,
                objects: dice.below(5) < 3,
                effective: dice.day(),
                recorded: dice.day(),
                file,
            })
            // Days of recording that lie ahead are no days of recording.
            .map(|said| Said {
                recorded: if said.recorded.as_str() > TODAY && said.recorded != "soon" {
                    String::new()
                } else {
                    said.recorded
                },
                ..said
            })
            .collect();
        // Opened anew for each file: what was answered is there.
        let (register, audit) = (home.register().expect("a register"), home.audit(remark("tester")).expect("a log"));
        load(&register, &audit, place.path(), &said, &numbers);
        all.extend(said);
    }
    let register = home.register().expect("a register");
    let today = Day::parse(TODAY).expect("a day");
    let mut by_person: Vec<Vec<&Said>> = vec![Vec::new(); people];
    for said in &all {
        by_person[said.person].push(said);
    }
    for (which, name) in SCOPES.iter().enumerate() {
        let scope = format!("object-{name}").parse::<caredata_engine::register::Kind>().expect("a kind").scope;
        let found = register.objectors(&scope, today).expect("asked").check(&numbers);
        let (mut objecting, mut not) = (0, 0);
        for (person, said) in by_person.iter().enumerate() {
            let about: Vec<&Said> = said.iter().copied().filter(|one| one.scope == which).collect();
            let expected = objects(&about);
            assert_eq!(
                found[person],
                expected,
                "{name}: {:?}",
                about.iter().map(|one| (one.objects, &one.effective, &one.recorded, one.file)).collect::<Vec<_>>()
            );
            if expected {
                objecting += 1;
            } else {
                not += 1;
            }
            // One by one is slow: every so-manieth is asked.
            if person % 97 == 0 {
                assert_eq!(asked(&register, numbers[person], &scope, today), expected);
            }
        }
        assert!(objecting > people / 10 && not > people / 10, "{objecting} object and {not} do not");
    }
}

fn asked(register: &Register, number: NhsNumber, scope: &Scope, today: Day) -> bool {
    let present = register.ask(number, today).expect("asked");
    present.standing.iter().any(|one| one.scope == *scope && one.choice == Choice::Object)
}
