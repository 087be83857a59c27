//! Links `DATA/gp/patients.csv` and `DATA/hospital/apc.csv` and writes `links.csv`; prints how long linking took.
//!
//! `cargo run --release -p caredata-link --example link_csv -- DATA links.csv [--identifiers-only] [--method hesid|match-rank]`
//!
//! The reading is as simple as it can be: the product's own readers are elsewhere. What this shows is the library's use.
#![allow(clippy::print_stdout)]

use caredata_link::{Index, Link, Method, Record, Settings, Status, link};
use caredata_model::{Day, Identifiers, PersonId, RecordKey};
use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, out, options @ ..] = &arguments[..] else { return Err("usage: link_csv DATA OUT.csv [options]".into()) };
    let mut settings = Settings::default();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match option.as_str() {
            "--accept" => settings.accept_probability = options.next().ok_or("--accept what?")?.parse()?,
            "--identifiers-only" => settings.identifiers_only = true,
            "hesid" => settings.method = Method::Hesid,
            "match-rank" => settings.method = Method::MatchRank,
            "--method" => {}
            other => return Err(format!("what is {other}?").into()),
        }
    }
    let mut providers = HashMap::new();
    let gp = Columns {
        file: "gp/patients.csv",
        source: "gp",
        key: &["practice_code", "patient_id"],
        identifiers: ["nhs_number", "date_of_birth", "postcode", "sex"],
        provider: "practice_code",
        local_id: None,
        day: "registration_date",
    };
    let apc = Columns {
        file: "hospital/apc.csv",
        source: "apc",
        key: &["EPIKEY"],
        identifiers: ["NEWNHSNO", "DOB", "HOMEADD", "SEX"],
        provider: "PROCODE",
        local_id: Some("LOPATID"),
        day: "ADMIDATE",
    };
    let (registrations, registration_ids) = gp.read(data, &mut providers, 1)?;
    let (events, event_ids) = apc.read(data, &mut providers, 2)?;
    let person_id = |key: RecordKey| PersonId::from_bits(hash(format!("person {}", key.value()).as_bytes()));
    let start = Instant::now();
    let linkage = link(&settings, Index::new(), &registrations, &events, &person_id);
    println!("linked {} + {} records in {:.3} s", registrations.len(), events.len(), start.elapsed().as_secs_f64());
    println!("{:#?}", linkage.diagnostics);
    let mut text = String::from("source,record_id,person_id,match_rank,weight_bits,probability,status\n");
    write_links(&mut text, "gp", &registration_ids, &linkage.registrations)?;
    write_links(&mut text, "apc", &event_ids, &linkage.events)?;
    std::fs::write(out, text)?;
    Ok(())
}

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
    ) -> Result<(Vec<Record>, Vec<String>), Box<dyn Error>> {
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

fn write_links(text: &mut String, source: &str, ids: &[String], links: &[Link]) -> std::fmt::Result {
    for (id, link) in ids.iter().zip(links) {
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
