//! FHIR Consents through the program: loaded by profile, refused by line without a value, written and judged by somebody else.

mod common;

use common::{Place, refuses, succeeds};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

const ANNA: &str = "9434765919";
const BELA: &str = "9434765870";
const GENERAL: &str = "http://hl7.org/fhir/StructureDefinition/Consent";
const NATIONAL: &str = "https://fhir.nhs.uk/STU3/StructureDefinition/NDOP-Consent-1";

/// Each line of standard input is a resource that `fhir.resources` parses and checks, or fails over.
const JUDGE: &str = "
import sys
from fhir.resources.R4B import get_fhir_model_class
import json
count = 0
for line in open(sys.argv[1]):
    document = json.loads(line) if sys.argv[1].endswith('ndjson') else json.loads(line + open(sys.argv[1]).read()[len(line):])
    parsed = get_fhir_model_class(document['resourceType']).model_validate(document)
    count += len(parsed.entry) if document['resourceType'] == 'Bundle' else 1
    again = json.loads(parsed.model_dump_json())
    assert again == document, 'something was lost'
    if document['resourceType'] == 'Bundle':
        break
print(count)
";

/// A consent of the general profile, of Anna's.
fn general(choice: &str) -> Value {
    json!({
        "resourceType": "Consent", "id": "c1", "meta": { "profile": [GENERAL] }, "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "text": "use of records" }], "policyRule": { "text": "any" },
        "patient": { "identifier": { "system": "https://fhir.nhs.uk/Id/nhs-number", "value": ANNA } },
        "dateTime": "2014-03-02T10:00:00Z", "provision": { "type": choice, "period": { "start": "2014-03-01" } },
    })
}

/// A consent of the national profile, of Bela's.
fn national(status: &str) -> Value {
    let patient = format!("https://demographics.spineservices.nhs.uk/STU3/Patient/{BELA}");
    json!({
        "resourceType": "Consent", "id": "n1", "meta": { "profile": [NATIONAL] }, "status": status,
        "patient": { "reference": patient }, "consentingParty": [{ "reference": patient }],
        "dateTime": "2017-12-14T11:15:33+00:00", "organization": [{ "reference": "https://directory.example/Organization/X26" }],
    })
}

fn with(mut consent: Value, path: &str, value: Value) -> Value {
    let (parent, last) = path.rsplit_once('/').expect("a pointer");
    consent.pointer_mut(parent).expect("there")[last] = value;
    consent
}

impl Place {
    fn load(&self, name: &str, text: &str) -> std::process::Output {
        fs::write(self.path(name), text).expect("written");
        self.caredata("home", &["objection", "load", name, "--json"])
    }

    fn about(&self, what: &str, number: &str) -> Value {
        let mut child = self.command("home", &["objection", what, "--json"]);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
        child.stdin.take().expect("asked for").write_all(number.as_bytes()).expect("written");
        serde_json::from_slice(&child.wait_with_output().expect("it ends").stdout).expect("JSON")
    }
}

#[test]
fn consents_are_read_by_their_profile_and_active_means_refused_in_the_national_one() {
    let place = Place::new();
    place.init("home");
    let lines = format!("{}\n\n{}\n", general("deny"), national("active"));
    assert!(succeeds(&place.load("some.ndjson", &lines)).contains("\"added\": 2"));
    assert!(succeeds(&place.load("some.ndjson", &lines)).contains("\"known\": 2"), "a second time adds nothing");
    for (number, by, through, effective) in
        [(ANNA, "not-stated", "not-stated", "2014-03-01"), (BELA, "person", "national-file", "2017-12-14")]
    {
        let said = &place.about("history", number)[0];
        assert_eq!((said["kind"].as_str(), said["by"].as_str()), (Some("object-all"), Some(by)), "{said}");
        assert_eq!((said["through"].as_str(), said["effective"].as_str()), (Some(through), Some(effective)));
        assert_eq!(place.about("show", number)[0]["objection_stands"], true);
    }
    let later = |consent: Value, date: &str| with(consent, "/dateTime", date.into());
    let permit = with(general("permit"), "/provision/period/start", "2015-01-01".into());
    let lines =
        format!("{}\n{}\n", later(permit, "2015-01-01T09:00:00Z"), later(national("inactive"), "2018-01-01T00:00:00Z"));
    succeeds(&place.load("later.ndjson", &lines));
    for number in [ANNA, BELA] {
        assert_eq!(place.about("show", number)[0]["objection_stands"], false);
    }
}

#[test]
fn a_bundle_names_people_by_the_patients_in_it_and_speakers_by_their_role() {
    let place = Place::new();
    place.init("home");
    let patient = json!({ "resourceType": "Patient", "id": "p1", "identifier": [
        { "system": "https://fhir.nhs.uk/Id/nhs-number", "value": BELA, "use": "old" },
        { "system": "https://fhir.nhs.uk/Id/nhs-number", "value": ANNA }] });
    let mother = json!({ "resourceType": "RelatedPerson", "id": "r1", "patient": { "reference": "Patient/p1" },
        "relationship": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH" }] }] });
    let consent = with(general("deny"), "/patient", json!({ "reference": "Patient/p1" }));
    let consent = with(consent, "/performer", json!([{ "reference": "RelatedPerson/r1" }]));
    let consent =
        with(consent, "/category", json!([{ "coding": [{ "system": "urn:caredata:scope", "code": "source:apc" }] }]));
    let contained = with(general("deny"), "/patient", json!({ "reference": "#p1" }));
    let contained = with(contained, "/contained", json!([patient]));
    let contained = with(contained, "/performer", json!([{ "reference": "#p1" }]));
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "resource": consent }, { "resource": mother }, { "resource": patient }, { "resource": contained }] });
    succeeds(&place.load("bundle.json", &bundle.to_string()));
    let said = place.about("history", ANNA);
    let mut told: Vec<_> =
        said.as_array().expect("events").iter().map(|one| (one["kind"].as_str(), one["by"].as_str())).collect();
    told.sort_unstable();
    assert_eq!(told, [(Some("object-all"), Some("person")), (Some("object-source:apc"), Some("parent"))]);
    assert!(place.about("history", BELA).as_array().expect("events").is_empty());
}

#[test]
fn a_bundle_of_which_something_would_be_passed_over_is_refused() {
    let place = Place::new();
    place.init("home");
    let patient = |number: &str| {
        json!({ "resourceType": "Patient", "id": "1", "identifier": [
            { "system": "https://fhir.nhs.uk/Id/nhs-number", "value": number }] })
    };
    let consent = |choice| with(general(choice), "/patient", json!({ "reference": "Patient/1" }));
    let bundle = |entries: Value| json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
    let nested = bundle(json!([{ "resource": consent("deny") }]));
    let misspelt = with(consent("deny"), "/resourceType", "consent".into());
    let one = json!([{ "resource": consent("deny") }, { "resource": patient(ANNA) }]);
    let refused = [
        (
            // Two servers' first patients: whose objection would the second's withdrawal lift?
            bundle(
                json!([{ "resource": consent("permit") }, { "resource": patient(ANNA) }, { "resource": patient(BELA) }]),
            ),
            "bear one name",
        ),
        (bundle(json!([{ "resource": nested }])), "nothing is passed over"),
        (bundle(json!([{ "resource": misspelt }])), "nothing is passed over"),
        (bundle(json!([1])), "nothing is passed over"),
        (bundle(json!(["x", []])), "nothing is passed over"),
        (
            with(bundle(one.clone()), "/link", json!([{ "relation": "next", "url": "https://fhir.example/2" }])),
            "a page",
        ),
    ];
    for (document, why) in refused {
        let message = refuses(&place.load("bundle.json", &document.to_string()), 3);
        assert!(message.contains(why) && !message.contains(ANNA) && !message.contains(BELA), "{message}");
    }
    succeeds(&place.load("bundle.json", &bundle(one).to_string()));
}

#[test]
fn what_may_not_be_taken_is_refused_by_line_and_nothing_is_loaded() {
    let place = Place::new();
    place.init("home");
    let refused = [
        (with(general("deny"), "/meta", json!({})), "meta.profile: it names none"),
        (with(general("deny"), "/meta/profile", json!(["https://fhir.example/Consent"])), "not exactly one"),
        (with(general("deny"), "/meta/profile", json!([GENERAL, NATIONAL])), "not exactly one"),
        (with(general("deny"), "/status", "entered-in-error".into()), "in error"),
        (with(general("deny"), "/status", "draft".into()), "nobody's word yet"),
        (with(general("deny"), "/status", "proposed".into()), "nobody's word yet"),
        (with(general("deny"), "/status", "inactive".into()), "is over"),
        (with(general("deny"), "/status", "ACTIVE".into()), "none of FHIR's"),
        (national("rejected"), "did not say"),
        (with(national("inactive"), "/provision", json!({ "type": "deny" })), "provision denies"),
        (with(general("deny"), "/provision", json!({})), "neither deny nor permit"),
        (with(general("deny"), "/provision/actor", json!([{}])), "narrowed"),
        (with(general("deny"), "/provision/period/end", "2015-01-01".into()), "ends by itself"),
        (with(general("deny"), "/modifierExtension", json!([{ "url": "urn:x" }])), "modifierExtension"),
        (with(general("deny"), "/scope/coding/0/code", "research".into()), "not patient-privacy"),
        (with(general("deny"), "/patient", json!({ "reference": format!("Patient/{ANNA}") })), "no NHS Number"),
        (with(general("deny"), "/patient", json!({ "reference": "#p" })), "no NHS Number"),
        (with(general("deny"), "/patient/identifier/system", "urn:local".into()), "no NHS Number"),
        (with(general("deny"), "/patient/identifier/value", "9434765918".into()), "nhs_number: "),
        (with(general("deny"), "/patient", Value::Null), "no NHS Number"),
        (with(general("permit"), "/performer", json!([{ "reference": "RelatedPerson/7" }])), "only the person"),
        (with(general("deny"), "/id", ANNA.into()), "source_id"),
        (with(general("deny"), "/patient", ANNA.into()), "no JSON, or"),
        (json!({ "resourceType": "Patient", "id": ANNA }), "no Consent"),
    ];
    for (consent, reason) in refused {
        let message = refuses(&place.load("bad.ndjson", &format!("{}\n{consent}\n", general("deny"))), 3);
        assert!(message.contains("line 2: ") && message.contains(reason), "{consent}: {message}");
        for number in [ANNA, BELA, "9434765918"] {
            assert!(!message.contains(number), "{message}");
        }
        let bundle = json!({ "resourceType": "Bundle", "entry": [{ "resource": { "resourceType": "Patient" } }, { "resource": consent }] });
        if consent["resourceType"] == "Consent" {
            let message = refuses(&place.load("bad.json", &bundle.to_string()), 3);
            assert!(message.contains("entry 2: ") && message.contains(reason), "{message}");
        }
    }
    for (name, text) in
        [("empty.ndjson", "\n"), ("none.json", "{\"resourceType\":\"Bundle\"}"), ("cut.json", "{\"resour")]
    {
        refuses(&place.load(name, text), 3);
    }
    assert!(place.about("history", ANNA).as_array().expect("events").is_empty(), "nothing was loaded");
    for file in common::files_under(&place.path("home/log")) {
        assert!(!fs::read_to_string(&file).expect("text").contains(ANNA), "{}", file.display());
    }
}

#[test]
fn what_is_written_is_good_fhir_and_read_again_the_same_register() {
    let place = Place::new();
    place.init("home");
    place.init_like("other", "home");
    let header = "nhs_number,kind,effective_from,recorded_at,channel,recorded_by,source_id,by,through,reference,language,formats";
    let rows = [
        "9434765919,object-all,2014-03-01,2014-03-02T10:00:00Z,patient line,desk 3,L1,person,patient-line,,pl,braille;large-print",
        "9434765919,withdraw-all,2014-05-01,2014-05-01 09:30:00,,,L2,attorney,letter,LPA 2014/7,,",
        "9434765870,object-gp,,2014-03-02,by pigeon,,L3,relative,,,,",
        "9434765870,withdraw-gp,,2014-04-02,,,L4,person,practice,,,",
        "9434765870,object-source:apc,2014-03-01,,,,,hospital,hospital,,,",
        "9434765870,object-all,2014-03-01,2014-03-01,,,L5,not-stated,,,,",
    ];
    succeeds(&place.load("objections.csv", &format!("{header}\n{}\n", rows.join("\n"))));
    for name in ["all.json", "all.ndjson"] {
        succeeds(&place.caredata("home", &["objection", "export", "--format", "fhir", name]));
        // `cargo xtask test` makes an environment with this package and names it here.
        let python = std::env::var("CAREDATA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let judged = Command::new(python).args(["-c", JUDGE]).arg(place.path(name)).output();
        let judged = judged.expect("Python runs; `cargo xtask test` sets up what this test needs");
        assert_eq!(succeeds(&judged).trim(), rows.len().to_string(), "{name}");
    }
    succeeds(&place.caredata("home", &["objection", "export", "first.csv"]));
    succeeds(&place.caredata("other", &["objection", "load", "all.ndjson"]));
    let again = succeeds(&place.caredata("other", &["objection", "load", "all.json", "--json"]));
    assert!(again.contains("\"known\": 6"), "{again}");
    succeeds(&place.caredata("other", &["objection", "export", "second.csv"]));
    let sorted = |name: &str| {
        let mut lines: Vec<String> =
            fs::read_to_string(place.path(name)).expect("a file").lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted("first.csv"), sorted("second.csv"));
}
