//! The vault: what goes in comes out under the right key and name, and nothing of it is readable otherwise.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use caredata_engine::keys::Keys;
use caredata_engine::vault::{Compartment, Vault, VaultName};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const CANARY: i64 = 9_434_765_919;

fn vault(folder: &Path) -> (Vault, Keys) {
    let keys = Keys::create(&folder.join("keys")).expect("keys");
    (Vault::open(&folder.join("vault"), &keys).expect("a vault"), keys)
}

fn name(text: &str) -> VaultName {
    VaultName::parse(text).expect("a name")
}

fn batch(from: i64, rows: i64) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + rows));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|at| format!("CANARY-TEXT-{at}"))));
    RecordBatch::try_from_iter([("number_canary", numbers), ("text_canary", texts)]).expect("a batch")
}

fn read(vault: &Vault, compartment: Compartment, of: &str) -> Vec<RecordBatch> {
    vault.read(compartment, &name(of)).expect("a file").map(|batch| batch.expect("a batch")).collect()
}

#[test]
fn what_goes_in_comes_out_and_a_second_file_replaces_the_first() {
    let place = tempfile::tempdir().expect("a folder");
    let (vault, _) = vault(place.path());
    for rows in [3, 5] {
        let batch = batch(CANARY, rows);
        vault.write(Compartment::Identifiers, &name("index-1"), batch.schema(), [batch.clone()]).expect("written");
        assert_eq!(read(&vault, Compartment::Identifiers, "index-1"), [batch]);
    }
    assert_eq!(vault.list(Compartment::Identifiers).expect("a list"), [name("index-1")]);
    assert_eq!(vault.list(Compartment::Sealed).expect("a list"), []);
    vault.remove(Compartment::Identifiers, &name("index-1")).expect("removed");
    vault.remove(Compartment::Identifiers, &name("index-1")).expect("removed before");
    assert_eq!(vault.read(Compartment::Identifiers, &name("index-1")).expect_err("removed").code(), "file-failed");
}

#[test]
fn nothing_in_a_file_is_readable_not_even_its_columns() {
    let place = tempfile::tempdir().expect("a folder");
    let (vault, _) = vault(place.path());
    let batch = batch(CANARY, 1_000);
    let path = vault.write(Compartment::Sealed, &name("gp-2014-04"), batch.schema(), [batch]).expect("written");
    let bytes = fs::read(&path).expect("a file");
    let number = CANARY.to_le_bytes();
    for needle in [b"canary".as_slice(), b"CANARY", b"9434765919", &number[..5]] {
        assert!(!bytes.windows(needle.len()).any(|window| window == needle));
    }
}

#[test]
fn another_key_name_or_compartment_opens_nothing() {
    let place = tempfile::tempdir().expect("a folder");
    let (vault, keys) = vault(place.path());
    let batch = batch(CANARY, 10);
    let path = vault.write(Compartment::Identifiers, &name("index"), batch.schema(), [batch]).expect("written");

    let mut others = keys.clone();
    others.vault = Keys::create(&place.path().join("others")).expect("keys").vault;
    let other = Vault::open(&place.path().join("vault"), &others).expect("a vault");
    let error = other.read(Compartment::Identifiers, &name("index")).expect_err("another key");
    assert_eq!((error.code(), error.exit_code()), ("vault-sealed", 3));

    fs::copy(&path, vault.path(Compartment::Identifiers, &name("renamed"))).expect("copied");
    fs::copy(&path, vault.path(Compartment::Sealed, &name("index"))).expect("copied");
    for (compartment, of) in [(Compartment::Identifiers, "renamed"), (Compartment::Sealed, "index")] {
        assert_eq!(vault.read(compartment, &name(of)).expect_err("not its place").code(), "vault-sealed");
    }
}

#[test]
fn a_changed_file_is_refused_wherever_it_was_changed() {
    let place = tempfile::tempdir().expect("a folder");
    let (vault, _) = vault(place.path());
    let batch = batch(CANARY, 200);
    let path = vault.write(Compartment::Identifiers, &name("index"), batch.schema(), [batch.clone()]).expect("written");
    let whole = fs::read(&path).expect("a file");
    for at in (0..whole.len()).step_by(11) {
        let mut harmed = whole.clone();
        harmed[at] ^= 4;
        fs::write(&path, &harmed).expect("written");
        let read =
            vault.read(Compartment::Identifiers, &name("index")).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        // The magic bytes at the front say nothing of the contents; all else is under seal.
        match read {
            Ok(read) => {
                assert_eq!(read, std::slice::from_ref(&batch), "byte {at}");
                assert!(at < 4, "byte {at}");
            }
            Err(error) => assert_eq!(error.code(), "vault-sealed", "byte {at}"),
        }
    }
}

#[test]
fn a_writer_that_never_finished_leaves_nothing_under_its_name() {
    let place = tempfile::tempdir().expect("a folder");
    let (vault, _) = vault(place.path());
    let batch = batch(CANARY, 10);
    let mut writer = vault.writer(Compartment::Sealed, &name("half"), batch.schema()).expect("a writer");
    writer.write(&batch).expect("written");
    drop(writer);
    assert_eq!(vault.list(Compartment::Sealed).expect("a list"), []);
    assert!(vault.read(Compartment::Sealed, &name("half")).is_err());
    vault.sweep().expect("swept");
    assert_eq!(fs::read_dir(place.path().join("vault/sealed")).expect("a folder").count(), 0);
}

#[test]
fn names_hold_no_identifier() {
    for text in ["", "Index", "a/b", "../a", "a.b", "9434765919", "n943476591", &"a".repeat(65)] {
        assert!(VaultName::parse(text).is_err(), "{text}");
    }
    for text in ["index", "gp-2014-04", "run_17", "20140401"] {
        assert!(VaultName::parse(text).is_ok(), "{text}");
    }
}
