//! From rows of a file, through both gates, to the linked record.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use caredata_admit::{
    Admitted, Attestation, Disposal, Gate, PersonAnswers, Policy, Reason, RecordKeySecret, Register, Registrations,
    Room, Subject, Table, Tally, Terms, Tie, columns as admitted,
};
use caredata_deidentify::{
    Deidentifier, DeidentifyError, Linked, Permitted, Persons, PersonsBuilder, PseudonymKey, Pseudonyms,
    WithheldByPerson, schema,
};
use caredata_extract::{InputFile, ObjectionCodes, ReadOptions, SensitiveCodes, Source, Withholding, read};
use caredata_model::{Choice, Day, LegalBasis, NhsNumber, PersonId, RecordKey, Scope, Wish};
use std::collections::BTreeSet;
use std::sync::Arc;

const APC: &str =
    "EPIKEY,PROCODE,LOPATID,NEWNHSNO,DOB,HOMEADD,SEX,ETHNOS,ADMIDATE,DISDATE,ADMIMETH,DIAG_01,DISMETH,LSOA11\n";
const PATIENTS: &str = "practice_code,patient_id,nhs_number,date_of_birth,postcode,sex,ethnic_category,registration_date,deregistration_date,lsoa\n";
const JOURNALS: &str =
    "practice_code,patient_id,record_id,event_date,recorded_date,code_system,code,value1,value2,unit,episode\n";

fn terms(objections: &[(Subject, Scope)]) -> Terms {
    let today = Day::parse("2014-05-01").expect("a day");
    let word = Attestation::new("A. Guardian", "a test").expect("a name and a reason");
    let wish = |scope: &Scope| Wish { scope: scope.clone(), choice: Choice::Object, effective: None, recorded: None };
    let events = objections.iter().map(|(subject, scope)| (*subject, wish(scope)));
    Terms {
        basis: LegalBasis::COLLECTION,
        register: Arc::new(Register::attested(&word, today).with(events)),
        secret: RecordKeySecret::new([7; 32]),
        held_providers: BTreeSet::new(),
    }
}

fn pass(gate: &Gate, source: &Source, text: &str) -> Admitted {
    let file = InputFile::in_memory("rows.csv", text);
    let read =
        read(source, &[file], &ReadOptions::default(), |batch| gate.admit(&batch)).expect("a file that can be read");
    read.results.into_iter().next().expect("one batch").expect("columns that fit")
}

fn hospital(terms: &Terms, lines: &str) -> Admitted {
    let source = Source::builtin("apc").expect("built in");
    pass(
        &Gate::new(&source, Room::Elsewhere, terms.clone()).expect("the right room"),
        &source,
        &format!("{APC}{lines}"),
    )
}

fn registered(terms: &Terms, lines: &str) -> Admitted {
    let source = Source::builtin("gp-patients").expect("built in");
    let room = Room::Registrations { withholding: Arc::new(Withholding::default()) };
    pass(&Gate::new(&source, room, terms.clone()).expect("the right room"), &source, &format!("{PATIENTS}{lines}"))
}

fn journals(terms: &Terms, registered: &Admitted, lines: &str) -> Admitted {
    let source = Source::builtin("gp-journals").expect("built in");
    let room = Room::Journals {
        withholding: Arc::new(Withholding::default()),
        registrations: Arc::new(Registrations::new(registered.registrations.iter().copied())),
        objection_codes: Arc::new(ObjectionCodes::builtin()),
        sensitive_codes: Arc::new(SensitiveCodes::builtin()),
    };
    pass(&Gate::new(&source, room, terms.clone()).expect("the right room"), &source, &format!("{JOURNALS}{lines}"))
}

/// Gives the records of `admitted` to persons by place: `persons[i]` is the person of row `i`.
fn who(admitted: &[(&Admitted, &[u64])]) -> Persons {
    Persons::new(admitted.iter().flat_map(|(admitted, persons)| {
        let one =
            |(one, &person): (&caredata_admit::Identified, &u64)| (one.key, PersonId::from_bits(person), Tie::Somebody);
        admitted.identified.iter().zip(persons.iter()).map(one)
    }))
}

fn ask(terms: &Terms, admitted: &[(&Admitted, &[u64])]) -> PersonAnswers {
    let known_by = admitted.iter().flat_map(|(admitted, persons)| {
        admitted.identified.iter().zip(persons.iter()).flat_map(|(one, &person)| {
            let person = PersonId::from_bits(person);
            let number = one.identifiers.nhs_number().map(|number| (person, Subject::Number(number)));
            number.into_iter().chain([(person, Subject::Record(one.key))])
        })
    });
    PersonAnswers::decide(&terms.register, known_by, Policy::default())
}

fn permit(admitted: &Admitted, persons: &Persons, answers: &PersonAnswers) -> (Permitted<Linked>, WithheldByPerson) {
    Linked::join(&admitted.payload, persons).permit(answers).expect("columns that fit")
}

fn deidentifier() -> Deidentifier {
    let pseudonyms = Pseudonyms::new(&PseudonymKey::new([9; 32]), "record");
    Deidentifier::new(pseudonyms, "2014-04".parse().expect("a month"))
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    batch[name].as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn number(text: &str) -> Subject {
    Subject::Number(NhsNumber::parse(text).expect("a valid number"))
}

#[test]
fn permitted_rows_take_the_closed_schema_and_what_is_no_code_is_blanked() {
    let terms = terms(&[]);
    let admitted = hospital(
        &terms,
        "1,RXH,77,9434765919,1956-03-09,LS1 4AP,2,A,2014-04-02,2014-04-05,21,I219,1,E01000001\n\
         2,RXH,78,,1966-03-09,LS1 4AP,1,B,2014-04-03,2014-04-05,21,9434765919,1,LS1 4AP\n",
    );
    let known = [(&admitted, &[1, 2][..])];
    let (permitted, withheld) = permit(&admitted, &who(&known), &ask(&terms, &known));
    assert_eq!(withheld.rows(), 0);
    let record = deidentifier().apply(permitted).expect("declared columns");
    let batch = record.batch();
    assert_eq!((record.table(), batch.schema()), (Table::Admissions, schema(Table::Admissions)));
    assert_eq!(texts(batch, "diagnosis_01"), [Some("I219".to_owned()), None]);
    assert_eq!(texts(batch, "lsoa"), [Some("E01000001".to_owned()), None]);
    assert_eq!(
        record.blanked().iter().map(|(name, &count)| (name.as_str(), count)).collect::<Vec<_>>(),
        [("diagnosis_01", 1), ("lsoa", 1)]
    );
    let pseudonyms = Pseudonyms::new(&PseudonymKey::new([9; 32]), "record");
    let person = batch["person"].as_primitive::<Int64Type>();
    assert_eq!(person.values()[..], [1, 2].map(|bits| pseudonyms.of(PersonId::from_bits(bits))));
    assert_eq!(texts(batch, "period"), [Some("2014-04".to_owned()), Some("2014-04".to_owned())]);
    assert_eq!(texts(batch, "provider"), [Some("RXH".to_owned()), Some("RXH".to_owned())]);
}

#[test]
fn an_objection_found_by_linkage_seals_hospital_rows_and_drops_gp_rows() {
    let terms = terms(&[(number("9434765870"), Scope::All)]);
    // The person's registration and one episode state no number or an old one; another episode states the one objected under.
    let gp = registered(&terms, "E85001,1,9434765919,1956-03-09,LS1 4AP,2,A,2001-02-03,,E01000001\n");
    let entries = journals(&terms, &gp, "E85001,1,a,2014-04-02,2014-04-02,read2,G30..,,,,\n");
    let apc = hospital(
        &terms,
        "1,RXH,77,,1956-03-09,LS1 4AP,2,A,2014-04-02,2014-04-05,21,I219,1,\n\
         2,RXH,77,9434765870,1956-03-09,LS1 4AP,2,A,2014-04-12,2014-04-15,21,I219,1,\n\
         3,RXH,99,,1986-03-09,LS2 4AP,2,A,2014-04-12,2014-04-15,21,I219,1,\n",
    );
    assert_eq!((apc.payload.len(), apc.withheld.len(), apc.identified.len()), (2, 1, 3));
    let known = [(&gp, &[1][..]), (&apc, &[1, 1, 2][..])];
    let (persons, answers) = (who(&known), ask(&terms, &known));

    let mut tally = apc.tally.clone();
    let (permitted, withheld) = permit(&apc, &persons, &answers);
    withheld.count_in(&mut tally);
    tally.check("apc", 3).expect("the sum holds");
    assert_eq!(
        (tally.admitted(), tally.withheld_for(Reason::ObjectedAll), withheld.disposal),
        (1, 2, Disposal::Sealed)
    );
    assert_eq!(deidentifier().apply(permitted).expect("declared columns").batch().num_rows(), 1);

    let by_person = deidentifier().seal(withheld.for_sealing, &persons).expect("declared columns").for_sealing();
    let by_record = deidentifier().seal(apc.withheld, &persons).expect("declared columns").for_sealing();
    for sealed in [&by_person, &by_record] {
        assert_eq!(sealed.num_rows(), 1);
        assert_eq!(texts(sealed, admitted::REASON), [Some("objected-all".to_owned())]);
        assert_eq!(sealed.num_columns(), schema(Table::Admissions).fields().len() + 1);
    }
    assert_eq!(
        by_person["person"].as_primitive::<Int64Type>(),
        by_record["person"].as_primitive::<Int64Type>(),
        "sealed under the person's pseudonym, ready for a withdrawal"
    );

    for admitted in [&gp, &entries] {
        assert_eq!(admitted.payload.len(), 1, "gate 1 could not tell");
        let (permitted, withheld) = permit(admitted, &persons, &answers);
        assert!(permitted.is_empty());
        assert_eq!((withheld.rows(), withheld.disposal), (1, Disposal::Dropped));
        assert!(withheld.for_sealing.is_empty());
    }
}

#[test]
fn rows_of_nobody_and_of_persons_not_asked_about_are_withheld() {
    let terms = terms(&[]);
    let apc = hospital(&terms, "1,RXH,77,,1956-03-09,,2,A,2014-04-02,2014-04-05,21,I219,1,\n");
    let known = [(&apc, &[1][..])];
    let nobody = permit(&apc, &Persons::default(), &ask(&terms, &known));
    let not_asked = permit(&apc, &who(&known), &ask(&terms, &[]));
    for (permitted, withheld) in [nobody, not_asked] {
        assert!(permitted.is_empty());
        assert_eq!(withheld.counts.into_iter().collect::<Vec<_>>(), [(Reason::NotAsked, 1)]);
    }
    let (_, withheld) = permit(&apc, &Persons::default(), &ask(&terms, &known));
    let sealed =
        deidentifier().seal(withheld.for_sealing, &Persons::default()).expect("declared columns").for_sealing();
    assert_eq!(sealed["person"].null_count(), 0, "sealed under a pseudonym that is nobody else's");
}

#[test]
fn journal_values_and_codes_are_held_to_their_forms() {
    let terms = terms(&[]);
    let gp = registered(&terms, "E85001,1,9434765919,1956-03-09,LS1 4AP,2,A,2001-02-03,,\n");
    let entries = journals(
        &terms,
        &gp,
        "E85001,1,a,2014-04-02,2014-04-02,snomed,44054006,7.5,,mmol/L,F\n\
         E85001,1,b,2014-04-02,2014-04-02,snomed,9434765919,9434765919,,see letter,Smith\n\
         E85001,1,c,2014-04-02,2014-04-02,read2,M11AE,,,,\n",
    );
    let known = [(&gp, &[1][..])];
    let (permitted, _) = permit(&entries, &who(&known), &ask(&terms, &known));
    let record = deidentifier().apply(permitted).expect("declared columns");
    assert_eq!(texts(record.batch(), "code"), [Some("44054006".to_owned()), None, None]);
    assert_eq!(texts(record.batch(), "unit"), [Some("mmol/L".to_owned()), None, None]);
    assert_eq!(texts(record.batch(), "episode"), [Some("F".to_owned()), None, None]);
    let values = record.batch()["value1"].as_primitive::<Float64Type>();
    assert_eq!(values.iter().collect::<Vec<_>>(), [Some(7.5), None, None]);
    assert_eq!(record.blanked().values().sum::<u64>(), 5);
}

#[test]
fn a_person_is_put_together_in_whatever_order_the_rows_come() {
    let terms = terms(&[]);
    let gp = registered(
        &terms,
        "E85001,1,9434765919,1956-03-09,LS1 4AP,2,A,2001-02-03,2010-01-01,E01000001\n\
         E85002,5,9434765919,1956-03-09,LS1 4AP,2,Z,2010-01-01,,E01000002\n",
    );
    let apc = hospital(
        &terms,
        "1,RXH,77,,1957-03-09,LS1 4AP,1,C,2014-04-02,2014-04-05,21,I219,4,E01000003\n\
         2,RXH,78,,1986-03-09,LS2 4AP,1,,2014-04-12,2014-04-15,21,I219,1,E01000004\n",
    );
    let known = [(&gp, &[1, 1][..]), (&apc, &[1, 2][..])];
    let (persons, answers) = (who(&known), ask(&terms, &known));
    let build = |order: [&Admitted; 2]| {
        let mut builder = PersonsBuilder::new(&deidentifier());
        for admitted in order {
            builder.add(&permit(admitted, &persons, &answers).0).expect("admitted columns");
        }
        builder.finish().expect("no collision")
    };
    let record = build([&gp, &apc]);
    assert_eq!(record.batch(), build([&apc, &gp]).batch());
    let batch = record.batch();
    let pseudonyms = Pseudonyms::new(&PseudonymKey::new([9; 32]), "record");
    let row = |bits| {
        let wanted = pseudonyms.of(PersonId::from_bits(bits));
        batch["person"].as_primitive::<Int64Type>().values().iter().position(|&person| person == wanted).expect("a row")
    };
    let (first, second) = (row(1), row(2));
    let text = |name, row: usize| texts(batch, name)[row].clone();
    assert_eq!(batch.num_rows(), 2);
    assert_eq!(text("practice", first).as_deref(), Some("E85002"));
    assert_eq!(text("lsoa", first).as_deref(), Some("E01000002"));
    assert_eq!(text("sex", first).as_deref(), Some("2"));
    assert_eq!(batch["birth_year"].as_primitive::<Int32Type>().value(first), 1956);
    assert!(batch["death_day"].is_valid(first) && batch["death_day"].is_null(second));
    assert_eq!((text("practice", second), text("ethnic_category", second).as_deref()), (None, Some("Z")));

    // The next month brings nothing of them: what was published stands in for it, as far as it stays permitted.
    let mut builder = PersonsBuilder::new(&deidentifier());
    let gone = pseudonyms.of(PersonId::from_bits(2));
    builder.add_published(Table::Persons, batch, |person| person != gone).expect("published columns");
    let later = builder.finish().expect("no collision");
    assert_eq!(later.batch(), &batch.slice(first, 1));
}

#[test]
fn a_source_with_a_column_that_the_record_lacks_is_refused_by_name() {
    let source = Source::parse(
        r#"
        name = "hospice"
        title = "Hospice"
        table = "emergency"
        files = ["hospice"]
        key = ["id"]
        provider = "place"
        event_day = ["day"]
        [identifiers]
        nhs_number = "n"
        date_of_birth = "d"
        postcode = "p"
        gender = "g"
        [[columns]]
        name = "mood"
        type = "code"
        required = true
        "#,
    )
    .expect("a declaration");
    let terms = terms(&[]);
    let gate = Gate::new(&source, Room::Elsewhere, terms.clone()).expect("the right room");
    let admitted = pass(&gate, &source, "id,place,n,d,p,g,day,mood\n1,RXH,,1956-03-09,,2,2014-04-02,fair\n");
    let known = [(&admitted, &[1][..])];
    let (permitted, _) = permit(&admitted, &who(&known), &ask(&terms, &known));
    let error = deidentifier().apply(permitted).expect_err("no such column");
    assert!(matches!(&error, DeidentifyError::NoSuchColumn { column, .. } if column == "mood"), "{error}");
}

#[test]
fn another_place_of_care_goes_to_the_numbered_columns_of_other() {
    let source = Source::parse(
        r#"
        name = "social-care"
        title = "Adult social care"
        table = "other"
        files = ["social_care"]
        key = ["id"]
        provider = "council"
        event_day = ["day"]
        [identifiers]
        nhs_number = "n"
        date_of_birth = "d"
        postcode = "p"
        gender = "g"
        [[columns]]
        name = "service"
        type = "code"
        [[columns]]
        name = "hours"
        type = "integer"
        [[columns]]
        name = "reason"
        type = "code"
        "#,
    )
    .expect("a declaration");
    let terms = terms(&[]);
    let gate = Gate::new(&source, Room::Elsewhere, terms.clone()).expect("the right room");
    let text = "id,council,n,d,p,g,day,service,hours,reason\n1,901,,1956-03-09,,2,2014-04-02,home-care,12,Mrs Smith\n";
    let admitted = pass(&gate, &source, text);
    let known = [(&admitted, &[1][..])];
    let (permitted, _) = permit(&admitted, &who(&known), &ask(&terms, &known));
    let record = deidentifier().apply(permitted).expect("places enough");
    let batch = record.batch();
    assert_eq!(batch.schema(), schema(Table::Other));
    assert_eq!(texts(batch, "code_01"), [Some("home-care".to_owned())]);
    assert_eq!(texts(batch, "code_02"), [None], "a name is no code");
    assert_eq!(batch["number_01"].as_primitive::<Float64Type>().iter().collect::<Vec<_>>(), [Some(12.0)]);
    assert_eq!(record.blanked().get("code_02"), Some(&1));
    let key = RecordKey::from_bits(batch["record_key"].as_primitive::<Int64Type>().value(0).cast_unsigned());
    assert_eq!(key, admitted.identified[0].key);
    let mut tally = Tally::default();
    tally += &admitted.tally;
    tally.check("social-care", 1).expect("the sum holds");
}
