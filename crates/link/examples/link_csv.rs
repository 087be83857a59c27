//! Links `DATA/gp/patients.csv` and `DATA/hospital/apc.csv` and writes `links.csv`; prints how long linking took.
//!
//! `cargo run --release -p caredata-link --example link_csv -- DATA... links.csv [--identifiers-only] [--method hesid|match-rank]`
//!
//! Several folders are months that follow on from each other: each is linked with what the months before it left in the index,
//! or, with `--together`, all at once. What is written is who everybody is in the end.
//!
//! The reading is as simple as it can be: the product's own readers are elsewhere. What this shows is the library's use.
#![allow(clippy::print_stdout)]

use caredata_link::{Index, Link, Method, Record, Settings, Status, link};
use caredata_model::{Day, Identifiers, PersonId, RecordKey};
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut settings = Settings::default();
    let (mut folders, mut together) = (Vec::new(), false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--accept" => settings.accept_probability = words.next().ok_or("--accept what?")?.parse()?,
            "--identifiers-only" => settings.identifiers_only = true,
            "--together" => together = true,
            "--method" => {
                settings.method = match words.next().as_deref() {
                    Some("hesid") => Method::Hesid,
                    Some("match-rank") => Method::MatchRank,
                    _ => return Err("hesid or match-rank?".into()),
                }
            }
            _ => folders.push(word),
        }
    }
    let out = folders.pop().ok_or("usage: link_csv DATA... OUT.csv [options]")?;
    let mut providers = HashMap::new();
    let mut months = Vec::new();
    for (folder, month) in folders.iter().zip(0..) {
        months.push(Month {
            gp: GP.read(folder, &mut providers, 2 * month)?,
            apc: APC.read(folder, &mut providers, 2 * month + 1)?,
        });
    }
    if together {
        months = vec![Month::all(months)];
    }
    let person_id = |key: RecordKey| PersonId::from_bits(hash(format!("person {}", key.value()).as_bytes()));
    let (mut index, mut links) = (Index::new(), HashMap::new());
    for Month { gp: (registrations, _), apc: (events, _) } in &months {
        let start = Instant::now();
        let linkage = link(&settings, index, registrations, events, &person_id);
        println!("linked {} + {} records in {:.3} s", registrations.len(), events.len(), start.elapsed().as_secs_f64());
        println!("{:#?}", linkage.diagnostics);
        links.extend(
            registrations
                .iter()
                .chain(events)
                .map(|record| record.key)
                .zip(linkage.registrations.iter().chain(&linkage.events).copied()),
        );
        index = linkage.into_index(registrations, events);
    }
    // In the index a later month may have found who a record of an earlier one is.
    for observation in index.observations() {
        if let Some(link) = links.get_mut(&observation.key) {
            link.person = index.resolve(observation.person);
        }
    }
    let mut text = String::from("source,record_id,person_id,match_rank,weight_bits,probability,status\n");
    for Month { gp, apc } in &months {
        write_links(&mut text, "gp", gp, &links)?;
        write_links(&mut text, "apc", apc, &links)?;
    }
    std::fs::write(out, text)?;
    Ok(())
}

type Read = (Vec<Record>, Vec<String>);

struct Month {
    gp: Read,
    apc: Read,
}

impl Month {
    /// All months as one: of each registration as it last was.
    fn all(months: Vec<Self>) -> Self {
        let (mut gp, mut apc) = (Read::default(), Read::default());
        let mut seen = HashSet::new();
        for month in months.into_iter().rev() {
            for (record, id) in month.gp.0.into_iter().zip(month.gp.1) {
                if seen.insert(record.key) {
                    gp.0.push(record);
                    gp.1.push(id);
                }
            }
            apc.0.extend(month.apc.0);
            apc.1.extend(month.apc.1);
        }
        Self { gp, apc }
    }
}

const GP: Columns<'static> = Columns {
    file: "gp/patients.csv",
    source: "gp",
    key: &["practice_code", "patient_id"],
    identifiers: ["nhs_number", "date_of_birth", "postcode", "sex"],
    provider: "practice_code",
    local_id: None,
    day: "registration_date",
};

const APC: Columns<'static> = Columns {
    file: "hospital/apc.csv",
    source: "apc",
    key: &["EPIKEY"],
    identifiers: ["NEWNHSNO", "DOB", "HOMEADD", "SEX"],
    provider: "PROCODE",
    local_id: Some("LOPATID"),
    day: "ADMIDATE",
};

struct Columns<'a> {
    file: &'a str,
    source: &'a str,
    key: &'a [&'a str],
    identifiers: [&'a str; 4],
    provider: &'a str,
    local_id: Option<&'a str>,
    day: &'a str,
}

impl Columns<'_> {
    fn read(
        &self,
        data: &str,
        providers: &mut HashMap<String, u32>,
        contribution: u32,
    ) -> Result<Read, Box<dyn Error>> {
        let text = std::fs::read_to_string(format!("{data}/{}", self.file))?;
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().ok_or("an empty file")?.split(',').collect();
        let at =
            |name: &str| header.iter().position(|&column| column == name).ok_or_else(|| format!("no column {name}"));
        let key: Vec<usize> = self.key.iter().map(|name| at(name)).collect::<Result<_, _>>()?;
        let [nhs, birth, postcode, sex] = self.identifiers;
        let identifiers = [at(nhs)?, at(birth)?, at(postcode)?, at(sex)?];
        let (provider, local_id, day) = (at(self.provider)?, self.local_id.map(at).transpose()?, at(self.day)?);
        let (mut records, mut ids) = (Vec::new(), Vec::new());
        let fallback = Day::new(2014, 4, 1)?;
        for line in lines {
            let fields: Vec<&[u8]> = line.split(',').map(|field| field.trim_matches('"').as_bytes()).collect();
            let id = key.iter().map(|&at| String::from_utf8_lossy(fields[at])).collect::<Vec<_>>().join("/");
            let [nhs, birth, postcode, sex] = identifiers.map(|at| fields[at]);
            let next = providers.len() as u32;
            records.push(Record {
                key: RecordKey::from_bits(hash(format!("{}/{id}", self.source).as_bytes())),
                identifiers: Identifiers::parse(nhs, birth, postcode, sex).0,
                provider: *providers.entry(String::from_utf8_lossy(fields[provider]).into_owned()).or_insert(next),
                local_id: local_id.map_or(0, |at| if fields[at].is_empty() { 0 } else { hash(fields[at]) | 1 }),
                day: Day::parse_hospital(fields[day]).unwrap_or(fallback),
                contribution,
            });
            ids.push(id);
        }
        Ok((records, ids))
    }
}

/// FNV-1a, then mixed: for an example. The product uses a keyed hash.
fn hash(bytes: &[u8]) -> u64 {
    let sum = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mixed = (sum ^ (sum >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

fn write_links(
    text: &mut String,
    source: &str,
    (records, ids): &Read,
    links: &HashMap<RecordKey, Link>,
) -> std::fmt::Result {
    for (id, link) in ids.iter().zip(records.iter().map(|record| links[&record.key])) {
        let status = match link.status {
            Status::Linked => "linked",
            Status::New => "new",
            Status::Review => "review",
        };
        let rank = link.match_rank.map(|rank| rank.to_string()).unwrap_or_default();
        let bits = link.weight_bits.map(|bits| format!("{bits:.2}")).unwrap_or_default();
        let probability = link.probability.map(|p| format!("{p:.6}")).unwrap_or_default();
        writeln!(text, "{source},{id},{},{rank},{bits},{probability},{status}", link.person)?;
    }
    Ok(())
}
