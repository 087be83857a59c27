//! `Consent`s in: a resource, a `Bundle` or a line of NDJSON in, the fields of a row of `objections.csv` or a fault out.
//!
//! Only what is read is looked at, and what would change its meaning and is not understood (a modifier, a part of the provision
//! that narrows it) makes it a fault. Invariant: no fault carries a value of the consent.

use super::{
    ABOUT_RECORDS, CONSENT_SCOPES, EXTENSIONS, NATIONAL_PATIENTS, NHS_NUMBERS, REFERENCES, ROLES, SCOPES, SOURCE_IDS,
    SPEAKERS,
};
use crate::register::rows::{ALL_COLUMNS, LoadFault};
use caredata_model::{
    Choice, ConsentProfile, ConsentProvision, ConsentStatus, Door, NhsNumber, NoWish, Speaker, read_consent,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The fields of a row, in the order of `ALL_COLUMNS`.
pub(in crate::register) type Fields = [String; ALL_COLUMNS.len()];

/// Why a consent cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentFault {
    /// No JSON, or an element of another form than FHIR R4's.
    #[error("it is no JSON, or an element of it is not of the form that FHIR R4 gives it")]
    Unreadable,
    /// Another resource.
    #[error("it is no Consent")]
    NotAConsent,
    /// An entry of a bundle that is neither a consent nor what one refers to.
    #[error("an entry is neither a Consent nor a resource that one refers to, and nothing is passed over")]
    OtherResource,
    /// Two entries of a bundle bear one name.
    #[error("two entries that differ bear one name, so that nobody can tell whom a consent means")]
    NameOfTwo,
    /// A page of a longer answer.
    #[error("it is a page of a longer answer (link.relation next): load it whole")]
    Incomplete,
    /// `meta.profile` is missing.
    #[error("meta.profile: it names none, and none is guessed at; docs/fhir-consent.md has those that are read")]
    NoProfile,
    /// `meta.profile` names one that is not read, or two that are.
    #[error("meta.profile: not exactly one of those that are read; docs/fhir-consent.md has them")]
    UnknownProfile,
    /// `status` is none of FHIR's.
    #[error("status: none of FHIR's")]
    Status,
    /// `provision.type` is none of FHIR's.
    #[error("provision.type: neither deny nor permit")]
    Provision,
    /// It says nothing that may be taken.
    #[error("status: {0}")]
    NoWish(NoWish),
    /// A modifier that is not understood.
    #[error(
        "it holds a modifierExtension or implicitRules, which may turn its meaning round, and which are not understood"
    )]
    Modified,
    /// About care, research or advance directives.
    #[error("scope: not patient-privacy, so it is about something else than the use of records")]
    OtherScope,
    /// Two statements about what it is about.
    #[error("category: it names more than one scope of ours")]
    SeveralScopes,
    /// It is about a part only.
    #[error("provision: it is narrowed by more than its type and period, and would be read for more than it says")]
    Narrowed,
    /// It ends by itself.
    #[error(
        "provision.period.end: no wish of this register ends by itself; send a second consent when it is taken back"
    )]
    Ends,
    /// No number.
    #[error("patient: no NHS Number, neither in patient.identifier nor in the Patient that it refers to")]
    NoNumber,
    /// Numbers that differ.
    #[error("patient: it states NHS Numbers that differ")]
    SeveralNumbers,
    /// People who speak.
    #[error("performer: it names several who speak")]
    SeveralSpeakers,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consent {
    resource_type: String,
    id: Option<String>,
    meta: Option<Meta>,
    implicit_rules: Option<IgnoredAny>,
    modifier_extension: Option<IgnoredAny>,
    #[serde(default)]
    contained: Vec<Value>,
    #[serde(default)]
    extension: Vec<Extension>,
    #[serde(default)]
    identifier: Vec<Identifier>,
    status: Option<String>,
    scope: Option<Concept>,
    #[serde(default)]
    category: Vec<Concept>,
    patient: Option<Reference>,
    date_time: Option<String>,
    #[serde(default)]
    performer: Vec<Reference>,
    /// STU3's name for the performer, as the national profile has it.
    #[serde(default)]
    consenting_party: Vec<Reference>,
    provision: Option<Provision>,
    /// STU3's name for what narrows.
    except: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    profile: Vec<String>,
    last_updated: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extension {
    url: String,
    value_string: Option<String>,
    value_code: Option<String>,
}

#[derive(Deserialize)]
struct Identifier {
    system: Option<String>,
    value: Option<String>,
    #[serde(rename = "use")]
    used: Option<String>,
}

#[derive(Deserialize)]
struct Concept {
    #[serde(default)]
    coding: Vec<Coding>,
}

#[derive(Deserialize)]
struct Coding {
    system: Option<String>,
    code: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "reference")]
    url: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    identifier: Option<Identifier>,
}

#[derive(Default, Deserialize)]
struct Provision {
    #[serde(rename = "type")]
    kind: Option<String>,
    period: Option<Period>,
    #[serde(flatten)]
    narrowing: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Period {
    start: Option<String>,
    end: Option<IgnoredAny>,
}

/// A resource that a consent refers to, as far as it matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Other {
    resource_type: String,
    #[serde(default)]
    identifier: Vec<Identifier>,
    #[serde(default)]
    relationship: Vec<Concept>,
    #[serde(default, rename = "type")]
    kind: Vec<Concept>,
}

/// The resources that a consent may refer to and a bundle hold beside it.
const REFERRED_TO: [&str; 7] =
    ["Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "DocumentReference", "Provenance"];

/// The resources of one document: the consents one by one, and what they may refer to.
pub(in crate::register) struct Document {
    consents: std::vec::IntoIter<(u64, Value)>,
    others: HashMap<String, Value>,
}

impl Document {
    /// A document of one consent, or a bundle.
    pub(in crate::register) fn of(bytes: &[u8]) -> Result<Self, LoadFault> {
        let mut document: Value =
            serde_json::from_slice(bytes).map_err(|_| LoadFault::Consent(ConsentFault::Unreadable))?;
        if document["resourceType"] != "Bundle" {
            return Ok(Self { consents: vec![(1, document)].into_iter(), others: HashMap::new() });
        }
        let entries = match document["entry"].take() {
            Value::Array(entries) => entries,
            Value::Null => Vec::new(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                return Err(LoadFault::Consent(ConsentFault::Unreadable));
            }
        };
        let (mut consents, mut others) = (Vec::new(), HashMap::new());
        let more = document["link"].as_array().is_some_and(|links| links.iter().any(|link| link["relation"] == "next"));
        if more {
            return Err(LoadFault::Consent(ConsentFault::Incomplete));
        }
        for (at, mut entry) in (1..).zip(entries) {
            let resource = entry.get_mut("resource").map(Value::take).unwrap_or_default();
            if resource["resourceType"] == "Consent" {
                consents.push((at, resource));
                continue;
            }
            // What is none of these may be a consent that is spelt or packed otherwise: nothing is passed over.
            if !resource["resourceType"].as_str().is_some_and(|kind| REFERRED_TO.contains(&kind)) {
                return Err(LoadFault::Consent(ConsentFault::OtherResource));
            }
            let relative = resource["resourceType"].as_str().zip(resource["id"].as_str());
            let names = relative.map(|(kind, id)| format!("{kind}/{id}"));
            for name in names.into_iter().chain(entry["fullUrl"].as_str().map(str::to_owned)) {
                // Two servers may name two people alike; then nobody can tell who is meant.
                if others.insert(name, resource.clone()).is_some_and(|other| other != resource) {
                    return Err(LoadFault::Consent(ConsentFault::NameOfTwo));
                }
            }
        }
        Ok(Self { consents: consents.into_iter(), others })
    }

    /// The next consent and its place, counted from 1 as the bundle's entries.
    pub(in crate::register) fn next(&mut self) -> Option<(u64, Result<Fields, LoadFault>)> {
        let (at, consent) = self.consents.next()?;
        Some((at, fields(consent, &self.others)))
    }
}

/// The consent on a line of NDJSON.
pub(in crate::register) fn line(text: &[u8]) -> Result<Fields, LoadFault> {
    let consent = serde_json::from_slice(text).map_err(|_| LoadFault::Consent(ConsentFault::Unreadable))?;
    fields(consent, &HashMap::new())
}

fn fields(consent: Value, others: &HashMap<String, Value>) -> Result<Fields, LoadFault> {
    if consent["resourceType"] != "Consent" {
        return Err(LoadFault::Consent(ConsentFault::NotAConsent));
    }
    let consent: Consent = serde_json::from_value(consent).map_err(|_| LoadFault::Consent(ConsentFault::Unreadable))?;
    debug_assert_eq!(consent.resource_type, "Consent");
    consent.fields(others)
}

impl Consent {
    fn fields(&self, others: &HashMap<String, Value>) -> Result<Fields, LoadFault> {
        let fault = LoadFault::Consent;
        if self.implicit_rules.is_some() || self.modifier_extension.is_some() {
            return Err(fault(ConsentFault::Modified));
        }
        let profile = self.profile().map_err(fault)?;
        let choice = self.choice(profile).map_err(fault)?;
        let number = self.number(profile, others)?;
        let (effective, recorded_at) = self.dates().map_err(fault)?;
        let (by, reference) = self.speaker(profile, choice, others).map_err(fault)?;
        let verb = match choice {
            Choice::Object => "object",
            Choice::Withdraw => "withdraw",
        };
        let through = match profile {
            ConsentProfile::General => String::new(),
            ConsentProfile::NationalOptOut => Door::NationalFile.word().to_owned(),
        };
        let own_id = self.identifier.iter().find(|one| one.system.as_deref() == Some(SOURCE_IDS));
        let source_id = own_id.and_then(|one| one.value.clone()).or_else(|| self.id.clone()).unwrap_or_default();
        let mut fields: Fields = [
            number,
            format!("{verb}-{}", self.scope(profile).map_err(fault)?),
            effective,
            recorded_at,
            String::new(),
            String::new(),
            source_id,
            by.word().to_owned(),
            through,
            reference,
            String::new(),
            String::new(),
        ];
        for (url, column) in EXTENSIONS {
            let said = self.extension.iter().find(|extension| extension.url == url);
            if let Some(value) = said.and_then(|said| said.value_string.as_ref().or(said.value_code.as_ref())) {
                fields[column].clone_from(value);
            }
        }
        Ok(fields)
    }

    /// The one profile that is read; others beside it are not known to leave the meaning as it is.
    fn profile(&self) -> Result<ConsentProfile, ConsentFault> {
        let named = self.meta.as_ref().map(|meta| meta.profile.as_slice()).unwrap_or_default();
        match named {
            [] => Err(ConsentFault::NoProfile),
            [one] => ConsentProfile::named(one).ok_or(ConsentFault::UnknownProfile),
            [..] => Err(ConsentFault::UnknownProfile),
        }
    }

    fn choice(&self, profile: ConsentProfile) -> Result<Choice, ConsentFault> {
        let status = self.status.as_deref().and_then(ConsentStatus::of_code).ok_or(ConsentFault::Status)?;
        let provision = match self.provision.as_ref().and_then(|provision| provision.kind.as_deref()) {
            None => ConsentProvision::Missing,
            Some("deny") => ConsentProvision::Deny,
            Some("permit") => ConsentProvision::Permit,
            Some(_) => return Err(ConsentFault::Provision),
        };
        let narrowed = self.provision.as_ref().is_some_and(|provision| !provision.narrowing.is_empty());
        let choice = read_consent(profile, status, provision).map_err(ConsentFault::NoWish)?;
        if narrowed || self.except.is_some() { Err(ConsentFault::Narrowed) } else { Ok(choice) }
    }

    /// Which records it is about, as kinds name them; all of them where it does not say.
    fn scope(&self, profile: ConsentProfile) -> Result<String, ConsentFault> {
        match profile {
            ConsentProfile::NationalOptOut => return Ok("all".to_owned()),
            ConsentProfile::General => {}
        }
        let codes = |concepts: &[Concept], system: &str| -> BTreeSet<String> {
            let codings = concepts.iter().flat_map(|concept| &concept.coding);
            let ours = codings.filter(|coding| coding.system.as_deref() == Some(system));
            ours.filter_map(|coding| coding.code.clone()).collect()
        };
        let about = codes(self.scope.as_slice(), CONSENT_SCOPES);
        if about.len() != 1 || !about.contains(ABOUT_RECORDS) {
            return Err(ConsentFault::OtherScope);
        }
        let mut named = codes(&self.category, SCOPES);
        match (named.pop_first(), named.is_empty()) {
            (None, _) => Ok("all".to_owned()),
            (Some(scope), true) => Ok(scope),
            (Some(_), false) => Err(ConsentFault::SeveralScopes),
        }
    }

    /// The day from which it counts, and when it was recorded. A part of a date is no date: an objection then counts at once,
    /// and a withdrawal not.
    fn dates(&self) -> Result<(String, String), ConsentFault> {
        let period = self.provision.as_ref().and_then(|provision| provision.period.as_ref());
        if period.is_some_and(|period| period.end.is_some()) {
            return Err(ConsentFault::Ends);
        }
        let start = period.and_then(|period| period.start.clone()).or_else(|| self.date_time.clone());
        let updated = self.meta.as_ref().and_then(|meta| meta.last_updated.clone());
        Ok((start.unwrap_or_default(), self.date_time.clone().or(updated).unwrap_or_default()))
    }

    fn number(&self, profile: ConsentProfile, others: &HashMap<String, Value>) -> Result<String, LoadFault> {
        let none = || LoadFault::Consent(ConsentFault::NoNumber);
        let patient = self.patient.as_ref().ok_or_else(none)?;
        let resolved = self.resolve(patient, others).filter(|other| other.resource_type == "Patient");
        let stated = resolved.iter().flat_map(|other| &other.identifier).chain(&patient.identifier);
        let stated =
            stated.filter(|one| one.system.as_deref() == Some(NHS_NUMBERS) && one.used.as_deref() != Some("old"));
        let mut texts: Vec<&str> = stated.filter_map(|one| one.value.as_deref()).collect();
        if profile == ConsentProfile::NationalOptOut {
            let url = patient.url.as_deref().unwrap_or_default();
            texts.extend(NATIONAL_PATIENTS.iter().filter_map(|patients| url.strip_prefix(patients)));
        }
        let numbers: Result<BTreeSet<NhsNumber>, _> = texts.into_iter().map(NhsNumber::parse).collect();
        let mut numbers = numbers.map_err(LoadFault::Number)?;
        match (numbers.pop_first(), numbers.is_empty()) {
            (None, _) => Err(none()),
            (Some(number), true) => Ok(format!("{:010}", number.value())),
            (Some(_), false) => Err(LoadFault::Consent(ConsentFault::SeveralNumbers)),
        }
    }

    /// Who speaks, and the reference of the power or order under which they do. The national service has judged itself
    /// whose word it takes; an objection is taken from anybody, and from several too.
    fn speaker(
        &self,
        profile: ConsentProfile,
        choice: Choice,
        others: &HashMap<String, Value>,
    ) -> Result<(Speaker, String), ConsentFault> {
        let parties = self.performer.iter().chain(&self.consenting_party);
        let mut speakers = parties.map(|party| self.one_speaker(party, others)).collect::<BTreeSet<_>>();
        let first = speakers.pop_first().unwrap_or((Speaker::NotStated, String::new()));
        match (profile, choice, speakers.is_empty()) {
            (ConsentProfile::NationalOptOut, ..) if first.0 != Speaker::Person => {
                Ok((Speaker::NotStated, String::new()))
            }
            (ConsentProfile::General | ConsentProfile::NationalOptOut, _, true) => Ok(first),
            (ConsentProfile::General | ConsentProfile::NationalOptOut, Choice::Object, false) => {
                Ok((Speaker::Other, String::new()))
            }
            (ConsentProfile::General | ConsentProfile::NationalOptOut, Choice::Withdraw, false) => {
                Err(ConsentFault::SeveralSpeakers)
            }
        }
    }

    fn one_speaker(&self, party: &Reference, others: &HashMap<String, Value>) -> (Speaker, String) {
        let patient = self.patient.as_ref();
        let same_reference = party.url.is_some() && patient.is_some_and(|patient| patient.url == party.url);
        let number = |of: &Reference| of.identifier.as_ref().and_then(|one| one.value.clone());
        let same_number = number(party).is_some() && patient.and_then(number) == number(party);
        if same_reference || same_number {
            return (Speaker::Person, String::new());
        }
        let resolved = self.resolve(party, others);
        let named = |other: &Other| {
            let concepts = other.relationship.iter().chain(&other.kind);
            concepts.flat_map(|concept| &concept.coding).find_map(speaker_of)
        };
        let reference = resolved.as_ref().and_then(|other| {
            let own = other.identifier.iter().find(|one| one.system.as_deref() == Some(REFERENCES));
            own.and_then(|one| one.value.clone())
        });
        let kind = resolved.as_ref().map(|other| other.resource_type.clone()).or_else(|| party.kind.clone());
        let kind = kind.or_else(|| {
            let mut path = party.url.as_deref()?.rsplit('/');
            path.nth(1).map(str::to_owned)
        });
        let unnamed = match kind.as_deref() {
            Some("RelatedPerson") => Speaker::Relative,
            // A Patient who is not this one, somebody of a practice or hospital, or nobody knows who.
            Some(_) | None => Speaker::Other,
        };
        (resolved.as_ref().and_then(named).unwrap_or(unnamed), reference.unwrap_or_default())
    }

    /// What a reference refers to: a contained resource, or one of the same bundle.
    fn resolve(&self, reference: &Reference, others: &HashMap<String, Value>) -> Option<Other> {
        let name = reference.url.as_deref()?;
        let found = match name.strip_prefix('#') {
            Some(id) => self.contained.iter().find(|one| one["id"] == id),
            None => others.get(name),
        };
        serde_json::from_value(found?.clone()).ok()
    }
}

/// Who a role's code is for, in our own words or in HL7's.
fn speaker_of(coding: &Coding) -> Option<Speaker> {
    let code = coding.code.as_deref()?;
    match coding.system.as_deref()? {
        SPEAKERS => Speaker::parse(code).ok(),
        ROLES => match code {
            "PRN" | "MTH" | "FTH" | "NMTH" | "NFTH" | "ADOPTP" | "ADOPTF" | "ADOPTM" => Some(Speaker::Parent),
            "GUARD" => Some(Speaker::Guardian),
            "POWATT" | "DPOWATT" | "HPOWATT" | "SPOWATT" => Some(Speaker::Attorney),
            "EXCEST" => Some(Speaker::Representative),
            _ => None,
        },
        _ => None,
    }
}
