//! The ledger of uses: which publication or release held data about whom, and whom it left out because of an objection.
//!
//! In: persons, and what a use held. Out: the uses that concern a person. A person has a number for good, the next one free,
//! found by a keyed hash of eight bytes; a use is two compressed bitmaps over these numbers, sealed under the register's key.
//! Invariants: exact, not estimated; only ever added to, so that it outlives a purge; without the register's key it tells of
//! nobody, and it holds neither a pseudonym nor an id of a person; a publication counts once it is done.

use super::{Register, RunId, get, now};
use crate::error::EngineError;
use caredata_model::PersonId;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use roaring::RoaringBitmap;
use sqlx::Connection as _;
use std::collections::{HashMap, HashSet};

/// People in one row of the database, so that no row grows without bound.
const PEOPLE_A_ROW: usize = 1 << 20;
const HANDLE_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;

/// What kind of use it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseKind {
    /// A version of the linked record, kept by the trusted body.
    Publication,
    /// Data given to a recipient.
    Release,
}

impl UseKind {
    /// The kind as it is written down.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Publication => "publication",
            Self::Release => "release",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Publication, Self::Release].into_iter().find(|kind| kind.word() == word)
    }
}

/// A use about to happen.
#[derive(Clone, Debug)]
pub struct NewUse {
    /// What kind.
    pub kind: UseKind,
    /// Its reference, for the public: a period and run, or a release's id.
    pub reference: String,
    /// Who gets the data; empty where nobody but the trusted body does.
    pub recipient: String,
    /// For what.
    pub purpose: String,
    /// On which legal basis.
    pub basis: String,
    /// The run of a publication; it counts once that publication is done.
    pub run: Option<RunId>,
    /// The numbers of the people whom it holds.
    pub held: RoaringBitmap,
    /// The numbers of the people of whom it leaves something out because of an objection.
    pub left_out: RoaringBitmap,
}

/// A use that concerns a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// What kind.
    pub kind: UseKind,
    /// Its reference.
    pub reference: String,
    /// Who got the data; empty where nobody but the trusted body did.
    pub recipient: String,
    /// For what.
    pub purpose: String,
    /// On which legal basis.
    pub basis: String,
    /// When it was noted.
    pub noted_at: String,
    /// Whether it held data about the person.
    pub held: bool,
    /// Whether it left something out because of an objection.
    pub left_out: bool,
}

/// The numbers of persons.
#[derive(Debug, Default)]
pub struct People {
    numbers: HashMap<u64, u32>,
}

/// Finds and seals what the ledger holds.
struct Seal<'a> {
    register: &'a Register,
    cipher: LessSafeKey,
}

impl<'a> Seal<'a> {
    fn of(register: &'a Register) -> Self {
        let key = register.seal.ledger.derive("bitmaps of uses");
        let cipher =
            UnboundKey::new(&CHACHA20_POLY1305, key.bytes()).expect("ChaCha20-Poly1305 takes keys of 32 bytes");
        Self { register, cipher: LessSafeKey::new(cipher) }
    }

    /// By what a person is found.
    fn handles(&self, persons: impl Iterator<Item = PersonId>) -> Vec<u64> {
        let key = self.register.seal.ledger.derive("people of uses");
        persons
            .map(|person| {
                let hash = blake3::keyed_hash(key.bytes(), &person.value().to_le_bytes());
                let mut handle = [0; HANDLE_BYTES];
                handle.copy_from_slice(&hash.as_bytes()[..HANDLE_BYTES]);
                u64::from_le_bytes(handle)
            })
            .collect()
    }

    fn close(&self, bitmap: &RoaringBitmap, about: &str) -> Result<Vec<u8>, EngineError> {
        let broken = EngineError::RegisterBroken { what: "a bitmap could not be sealed" };
        let mut bitmap = bitmap.clone();
        bitmap.optimize();
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| EngineError::NoRandomness)?;
        let mut sealed = Vec::with_capacity(bitmap.serialized_size() + 16);
        let written = bitmap.serialize_into(&mut sealed);
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        let done = self.cipher.seal_in_place_append_tag(nonce_used, Aad::from(about.as_bytes()), &mut sealed);
        if written.is_err() || done.is_err() {
            return Err(broken);
        }
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn open(&self, sealed: &[u8], about: &str) -> Result<RoaringBitmap, EngineError> {
        let opened = sealed.split_at_checked(NONCE_BYTES).and_then(|(nonce, sealed)| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut sealed = sealed.to_vec();
            let bytes = self.cipher.open_in_place(nonce, Aad::from(about.as_bytes()), &mut sealed).ok()?;
            RoaringBitmap::deserialize_from(&*bytes).ok()
        });
        opened.ok_or(EngineError::RegisterBroken { what: "a bitmap of a use does not open" })
    }
}

/// What a bitmap is bound to, so that it cannot be put in the place of another.
fn about(one: &str, reference: &str, run: i64) -> String {
    format!("{one} {run} {reference}")
}

impl People {
    /// The bitmap of these persons; who has no number is left out of it.
    pub fn bitmap(&self, register: &Register, persons: impl Iterator<Item = PersonId>) -> RoaringBitmap {
        let handles = Seal::of(register).handles(persons);
        handles.iter().filter_map(|handle| self.numbers.get(handle)).copied().collect()
    }

    /// How many persons have a number.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether nobody has one.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

impl Register {
    /// Gives a number to each of these persons who has none, and returns everybody's.
    ///
    /// # Errors
    /// [`EngineError::Register`], [`EngineError::RegisterBroken`].
    pub fn number_people(&self, persons: impl Iterator<Item = PersonId>) -> Result<People, EngineError> {
        let mut people = People::default();
        for (first, handles) in self.numbered()? {
            people.numbers.extend(handles.into_iter().zip(first..));
        }
        let first = u32::try_from(people.len()).map_err(|_| FULL)?;
        let mut fresh: Vec<u64> = Seal::of(self).handles(persons);
        fresh.retain(|handle| !people.numbers.contains_key(handle));
        // In the order of their hashes, so that a number tells nothing of when or where a person came in.
        fresh.sort_unstable();
        fresh.dedup();
        if u32::try_from(people.len() + fresh.len()).is_err() {
            return Err(FULL);
        }
        self.with("numbering persons", async |connection| {
            let mut transaction = connection.begin_with(self.place.begin()).await?;
            let mut next = i64::from(first);
            for some in fresh.chunks(PEOPLE_A_ROW) {
                let bytes: Vec<u8> = some.iter().flat_map(|handle| handle.to_le_bytes()).collect();
                sqlx::query("INSERT INTO use_people (first_number, people) VALUES ($1, $2)")
                    .bind(next)
                    .bind(bytes)
                    .execute(&mut *transaction)
                    .await?;
                next += some.len() as i64;
            }
            transaction.commit().await
        })?;
        people.numbers.extend(fresh.into_iter().zip(first..));
        Ok(people)
    }

    /// The hashes of all numbered persons, by the first number of each row.
    fn numbered(&self) -> Result<Vec<(u32, Vec<u64>)>, EngineError> {
        let rows = self.with("reading the numbers of persons", async |connection| {
            sqlx::query("SELECT first_number, people FROM use_people ORDER BY first_number").fetch_all(connection).await
        })?;
        rows.iter()
            .map(|row| {
                let (first, people): (i64, Vec<u8>) = (get(row, "first_number")?, get(row, "people")?);
                let (handles, []) = people.as_chunks::<HANDLE_BYTES>() else { return Err(FULL) };
                let first = u32::try_from(first).map_err(|_| FULL)?;
                Ok((first, handles.iter().map(|handle| u64::from_le_bytes(*handle)).collect()))
            })
            .collect()
    }

    /// Notes a use. Returns the bytes that it takes.
    ///
    /// # Errors
    /// [`EngineError::Register`].
    pub fn note_use(&self, one: &NewUse) -> Result<usize, EngineError> {
        let (seal, run) = (Seal::of(self), one.run.map_or(0, |run| run.0));
        let held = seal.close(&one.held, &about("held", &one.reference, run))?;
        let left_out = seal.close(&one.left_out, &about("left out", &one.reference, run))?;
        let bytes = held.len() + left_out.len();
        self.with("noting a use", async |connection| {
            let insert = "INSERT INTO uses (kind, reference, recipient, purpose, basis, run, noted_at, held, left_out) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
            sqlx::query(insert)
                .bind(one.kind.word())
                .bind(one.reference.clone())
                .bind(one.recipient.clone())
                .bind(one.purpose.clone())
                .bind(one.basis.clone())
                .bind(run)
                .bind(now())
                .bind(held)
                .bind(left_out)
                .execute(connection)
                .await
                .map(|_| ())
        })?;
        Ok(bytes)
    }

    /// The uses that concern a person, under any of the ids that the person ever had, in the order in which they happened.
    ///
    /// # Errors
    /// [`EngineError::Register`], [`EngineError::RegisterBroken`].
    pub fn uses_of(&self, ids: &[PersonId]) -> Result<Vec<Use>, EngineError> {
        let seal = Seal::of(self);
        let wanted: HashSet<u64> = seal.handles(ids.iter().copied()).into_iter().collect();
        let numbers: RoaringBitmap = self
            .numbered()?
            .into_iter()
            .flat_map(|(first, handles)| handles.into_iter().zip(first..))
            .filter(|(handle, _)| wanted.contains(handle))
            .map(|(_, number)| number)
            .collect();
        let rows = self.with("reading uses", async |connection| {
            let counted = "SELECT kind, reference, recipient, purpose, basis, run, noted_at, held, left_out FROM uses \
                           WHERE run = 0 OR run IN (SELECT run FROM publication_ends WHERE outcome = 'done') \
                           ORDER BY use_number";
            sqlx::query(counted).fetch_all(connection).await
        })?;
        let mut uses = Vec::new();
        for row in &rows {
            let (kind, reference, run): (&str, String, i64) =
                (get(row, "kind")?, get(row, "reference")?, get(row, "run")?);
            let has = |column: &'static str, one| {
                let sealed: Vec<u8> = get(row, column)?;
                Ok::<_, EngineError>(!seal.open(&sealed, &about(one, &reference, run))?.is_disjoint(&numbers))
            };
            let (held, left_out) = (has("held", "held")?, has("left_out", "left out")?);
            if held || left_out {
                uses.push(Use {
                    kind: UseKind::parse(kind)
                        .ok_or(EngineError::RegisterBroken { what: "a use is of no known kind" })?,
                    recipient: get(row, "recipient")?,
                    purpose: get(row, "purpose")?,
                    basis: get(row, "basis")?,
                    noted_at: get(row, "noted_at")?,
                    reference,
                    held,
                    left_out,
                });
            }
        }
        Ok(uses)
    }
}

const FULL: EngineError = EngineError::RegisterBroken { what: "the numbers of persons cannot be read, or are used up" };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Key;

    fn person(bits: u64) -> PersonId {
        PersonId::from_bits(bits.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn release(reference: &str, held: RoaringBitmap, left_out: RoaringBitmap) -> NewUse {
        NewUse {
            kind: UseKind::Release,
            reference: reference.to_owned(),
            recipient: "a university".to_owned(),
            purpose: "asthma".to_owned(),
            basis: "section 251 support".to_owned(),
            run: None,
            held,
            left_out,
        }
    }

    #[test]
    fn uses_are_told_exactly_and_under_every_id() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("register.sqlite");
        let (key, other) = (Key::generate().expect("a key"), Key::generate().expect("a key"));
        let register = Register::open(&path, &key).expect("a register");
        let people = register.number_people((0..100).map(person)).expect("numbered");
        let bitmap = |some: &[u64]| people.bitmap(&register, some.iter().map(|&one| person(one)));
        register.note_use(&release("R1", bitmap(&[1, 2, 3]), bitmap(&[4]))).expect("noted");
        register.note_use(&release("R2", bitmap(&[2]), bitmap(&[1, 2]))).expect("noted");
        let mut undone = release("run 9", bitmap(&[1, 2, 3, 4]), bitmap(&[]));
        undone.run = Some(RunId(9));
        register.note_use(&undone).expect("noted");
        let again = register.number_people((50..200).map(person)).expect("numbered");
        assert_eq!(again.len(), 200, "old numbers stay, new ones follow");
        register
            .note_use(&release("R3", again.bitmap(&register, [person(150)].into_iter()), bitmap(&[])))
            .expect("noted");
        let told = |ids: &[u64]| {
            let ids: Vec<PersonId> = ids.iter().map(|&one| person(one)).collect();
            let uses = register.uses_of(&ids).expect("read");
            uses.into_iter().map(|one| (one.reference, one.held, one.left_out)).collect::<Vec<_>>()
        };
        let line = |reference: &str, held, left_out| (reference.to_owned(), held, left_out);
        assert_eq!(told(&[1]), [line("R1", true, false), line("R2", false, true)]);
        assert_eq!(told(&[2]), [line("R1", true, false), line("R2", true, true)]);
        assert_eq!(told(&[4]), [line("R1", false, true)]);
        assert_eq!(told(&[150]), [line("R3", true, false)]);
        assert_eq!(told(&[4, 150]).len(), 2, "a merged person has the uses of both ids");
        assert!(told(&[77]).is_empty() && told(&[999]).is_empty());
        register.close().expect("closed");
        let stranger = Register::open(&path, &other).expect("opened");
        assert!(stranger.uses_of(&[person(1)]).is_err(), "another key opens no bitmap");
    }

    #[test]
    fn a_use_takes_less_than_a_byte_a_person() {
        let folder = tempfile::tempdir().expect("a folder");
        let register =
            Register::open(&folder.path().join("register.sqlite"), &Key::generate().expect("a key")).expect("made");
        let persons = 200_000;
        let people = register.number_people((0..persons).map(person)).expect("numbered");
        let objecting = |one: &u64| one.is_multiple_of(20);
        let held = people.bitmap(&register, (0..persons).filter(|one| !objecting(one)).map(person));
        let left_out = people.bitmap(&register, (0..persons).filter(objecting).map(person));
        let bytes = register.note_use(&release("R1", held, left_out)).expect("noted");
        assert!(bytes < 60_000, "{bytes} bytes for {persons} people");
    }
}
