//! `Consent`s out: an event of the register in, an R4 resource of the general profile out.
//!
//! Invariant: what was said without a date is written without one, so that a withdrawal that does not count does not
//! begin to by being written and read.

use super::{ABOUT_RECORDS, CONSENT_SCOPES, EXTENSIONS, NHS_NUMBERS, REFERENCES, ROLES, SCOPES, SOURCE_IDS, SPEAKERS};
use crate::register::objections::{day_of, time_of};
use crate::register::rows::ALL_COLUMNS;
use crate::register::{Event, Kind};
use caredata_model::{Choice, ConsentProfile, Language, NhsNumber, Speaker};
use serde_json::{Value, json};

/// A wish as a `Consent`.
pub(in crate::register) fn consent(number: NhsNumber, event: &Event) -> Value {
    let patient = json!({
        "type": "Patient",
        "identifier": { "system": NHS_NUMBERS, "value": format!("{:010}", number.value()) },
    });
    let Kind { choice, scope: _ } = &event.kind;
    let kind = event.kind.to_string();
    let about = kind.split_once('-').map_or("", |(_, about)| about);
    let mut consent = json!({
        "resourceType": "Consent",
        "meta": { "profile": [ConsentProfile::General.url()] },
        "status": "active",
        "scope": { "coding": [{ "system": CONSENT_SCOPES, "code": ABOUT_RECORDS }] },
        "category": [{ "coding": [{ "system": SCOPES, "code": about }] }],
        "patient": patient,
        "policyRule": { "text": "Use of identifiable records beyond the person's care" },
        "provision": {
            "type": match choice { Choice::Object => "deny", Choice::Withdraw => "permit" },
        },
    });
    if let Some(effective) = event.effective {
        consent["provision"]["period"] = json!({ "start": effective.to_string() });
        if let Some(recorded) = date_time(&event.recorded_at) {
            consent["dateTime"] = recorded.into();
        }
    }
    if !event.source_id.is_empty() {
        consent["identifier"] = json!([{ "system": SOURCE_IDS, "value": event.source_id }]);
    }
    put_speaker(&mut consent, event);
    let extensions = extensions(event);
    if !extensions.is_empty() {
        consent["extension"] = extensions.into();
    }
    consent
}

/// What a consent has no element for.
fn extensions(event: &Event) -> Vec<Value> {
    let language = event.needs.language.as_ref().map(Language::as_str).unwrap_or_default();
    let formats = event.needs.formats_text();
    let value = |column: usize| match ALL_COLUMNS[column] {
        "recorded_at" => event.recorded_at.as_str(),
        "channel" => &event.channel,
        "recorded_by" => &event.recorded_by,
        "through" => event.through.word(),
        "language" => language,
        "formats" => &formats,
        _ => "",
    };
    let said = EXTENSIONS.iter().map(|&(url, column)| (url, value(column))).filter(|(_, value)| !value.is_empty());
    said.map(|(url, value)| json!({ "url": url, "valueString": value })).collect()
}

/// Who speaks: the patient, somebody related, or an organisation; nobody where that is not stated.
fn put_speaker(consent: &mut Value, event: &Event) {
    let role = match event.by {
        Speaker::NotStated => return,
        Speaker::Person => {
            consent["performer"] = json!([consent["patient"]]);
            return;
        }
        Speaker::Parent => Some("PRN"),
        Speaker::Guardian => Some("GUARD"),
        Speaker::Attorney => Some("POWATT"),
        Speaker::Representative => Some("EXCEST"),
        Speaker::Deputy | Speaker::Relative | Speaker::Practice | Speaker::Hospital | Speaker::Other => None,
    };
    let mut codings = vec![json!({ "system": SPEAKERS, "code": event.by.word() })];
    codings.extend(role.map(|code| json!({ "system": ROLES, "code": code })));
    let is_body = matches!(event.by, Speaker::Practice | Speaker::Hospital);
    let mut speaker = if is_body {
        json!({ "resourceType": "Organization", "id": "speaker", "name": event.by.word(), "type": [{ "coding": codings }] })
    } else {
        let patient = &consent["patient"];
        json!({ "resourceType": "RelatedPerson", "id": "speaker", "patient": patient, "relationship": [{ "coding": codings }] })
    };
    if !event.reference.is_empty() {
        speaker["identifier"] = json!([{ "system": REFERENCES, "value": event.reference }]);
    }
    consent["contained"] = json!([speaker]);
    consent["performer"] = json!([{ "reference": "#speaker" }]);
}

/// A day, or a day and time, as FHIR writes it: a time has a zone.
fn date_time(recorded_at: &str) -> Option<String> {
    time_of(recorded_at).map(|time| time.to_string()).or_else(|| day_of(recorded_at).map(|day| day.to_string()))
}
