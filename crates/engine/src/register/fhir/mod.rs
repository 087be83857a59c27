//! FHIR R4 `Consent`s as a door in and out: their names, shared by [`read`] and [`write`].
//!
//! A consent in, the fields of a row of `objections.csv` out, and the other way round. Invariant: a wish that is written and
//! read again is the same wish; docs/fhir-consent.md says which element holds what.

pub(super) mod read;
pub(super) mod write;

/// The system of NHS Numbers.
const NHS_NUMBERS: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// Under what the national opt-out profile refers to a person by their number.
const NATIONAL_PATIENTS: [&str; 2] = [
    "https://demographics.spineservices.nhs.uk/STU3/Patient/",
    "https://demographics.spineservices.nhs.uk/R4/Patient/",
];
/// What a consent may be about, `Consent.scope`: only the first is a wish about records.
const CONSENT_SCOPES: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
const ABOUT_RECORDS: &str = "patient-privacy";
/// Roles of people for each other.
const ROLES: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
/// Our own: which records a wish is about, as kinds name them: `gp`, `all`, `source:NAME`.
const SCOPES: &str = "urn:caredata:scope";
/// Our own: who speaks, in the words of docs/who-may-record.md.
const SPEAKERS: &str = "urn:caredata:speaker";
/// Our own: the sender's name for a wish.
const SOURCE_IDS: &str = "urn:caredata:source-id";
/// Our own: the reference of a power or order.
const REFERENCES: &str = "urn:caredata:reference";

/// What a consent has no element for, as extensions: name and the place of its column in `ALL_COLUMNS`.
const EXTENSIONS: [(&str, usize); 6] = [
    ("urn:caredata:recorded-at", 3),
    ("urn:caredata:channel", 4),
    ("urn:caredata:recorded-by", 5),
    ("urn:caredata:through", 8),
    ("urn:caredata:language", 10),
    ("urn:caredata:formats", 11),
];

#[cfg(test)]
mod tests {
    use super::EXTENSIONS;
    use crate::register::rows::ALL_COLUMNS;

    #[test]
    fn extensions_are_named_as_their_columns() {
        for (url, column) in EXTENSIONS {
            assert_eq!(url, format!("urn:caredata:{}", ALL_COLUMNS[column].replace('_', "-")));
        }
    }
}
