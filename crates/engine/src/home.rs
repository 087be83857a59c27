//! A home: a folder and its keys in, the places, the policy, the register, the log and the vault of one trusted body out.
//!
//! Layout: `caredata.toml` (which makes a folder a home), `register.sqlite`, `records/`, `vault/`, `quarantine/`, `report/`,
//! `log/`, `public/`, `lock`. Invariant: one process at a time works on a home; a home is there whole or not at all; the
//! keys lie neither inside the home nor around it.

use crate::audit::{Act, Audit, Outcome};
use crate::error::{EngineError, Remark};
use crate::keys::Keys;
use crate::register::{LineEnds, Place, PostgresUrl, Register};
use crate::vault::Vault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// The form of a home that this version makes and opens.
const FORMAT: u32 = 1;
const CONFIG: &str = "caredata.toml";
const REGISTER: &str = "register.sqlite";
const FOLDERS: [&str; 6] = ["records", "vault", "quarantine", "report", "log", "public"];

/// What to do with rows of hospitals and other places that tie to no registered person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnlinkedRows {
    /// They become persons known from there alone.
    #[default]
    Publish,
    /// They are sealed apart: among them may be rows of objectors that no evidence ties to them.
    Withhold,
}

/// Whether a national file of objections is asked about everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NationalOptOuts {
    /// It is not: the register knows all objections.
    #[default]
    NotAsked,
    /// It is: whoever it has not let through, by an answer that still counts, is withheld.
    Asked,
}

/// The switches that the trusted body sets for its home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Policy {
    /// What to do with rows that tie to no registered person.
    pub unlinked_rows: UnlinkedRows,
    /// Whether a national file of objections is asked.
    pub national_opt_outs: NationalOptOuts,
    /// Days for which its answers may be used, from the day on which they were asked for.
    pub opt_out_answer_days: u16,
    /// How lines of the file that asks end.
    pub opt_out_line_ends: LineEnds,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            unlinked_rows: UnlinkedRows::default(),
            national_opt_outs: NationalOptOuts::default(),
            opt_out_answer_days: 21,
            opt_out_line_ends: LineEnds::default(),
        }
    }
}

/// How the public reaches the trusted body; written into `caredata.toml` by hand, and told in the leaflet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Contact {
    /// Who the body is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The patient line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telephone: Option<String>,
    /// The patient line for people who type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_phone: Option<String>,
    /// Electronic mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The postal address, in a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// A page on the web.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<String>,
}

/// Somebody's word that there are no objections to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Who answers for it.
    pub name: Remark,
    /// Why that is so.
    pub reason: Remark,
}

/// How a new home is to be.
#[derive(Clone, Debug)]
pub struct InitOptions {
    /// Where the keys go; without it, a folder named by the home's id in the user's configuration folder.
    pub keys: Option<PathBuf>,
    /// The switches.
    pub policy: Policy,
    /// Somebody's word that there are no objections to load.
    pub attestation: Option<Attestation>,
    /// Where the register is to be, where not in a file of the home: an empty database of its own.
    pub register: Option<PostgresUrl>,
    /// Who makes the home, for the log.
    pub who: Remark,
}

/// `caredata.toml`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    format: u32,
    id: String,
    keys: PathBuf,
    /// The register's database; a file of the home where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    register: Option<PostgresUrl>,
    /// By which the home knows its own keys; they tell nothing about the keys.
    key_prints: BTreeMap<String, String>,
    #[serde(default)]
    policy: Policy,
    /// How the public reaches the body.
    #[serde(default)]
    contact: Contact,
}

/// A home that this process alone works on, until it is dropped.
#[derive(Debug)]
pub struct Home {
    folder: PathBuf,
    config: Config,
    keys: Keys,
    _lock: File,
}

impl Home {
    /// Makes a new home at `folder`, which must be empty or not there yet, and its keys elsewhere.
    ///
    /// # Errors
    /// [`EngineError::HomeExists`], [`EngineError::KeysExist`], [`EngineError::KeysBesideData`],
    /// [`EngineError::KeysNowhere`], [`EngineError::Io`]; then there is no home.
    pub fn init(folder: &Path, options: &InitOptions) -> Result<Self, EngineError> {
        let folder = settle(folder)?;
        if !is_free(&folder)? {
            return Err(EngineError::HomeExists { path: folder });
        }
        let id = new_id()?;
        let keys_folder = keys_folder(options.keys.as_deref(), &id, &folder)?;
        let building = beside(&folder, &format!("making-{id}"));
        let keys = Keys::create(&keys_folder)?;
        let made = build(&building, &folder, &id, &keys_folder, &keys, options);
        if made.is_err() {
            // What was begun here under a name of its own must not stay; the keys guard nothing yet.
            let _ = fs::remove_dir_all(&building);
            let _ = keys.prints().keys().try_for_each(|name| fs::remove_file(keys_folder.join(name)));
        }
        made?;
        Self::open(&folder)
    }

    /// Opens a home for this process alone.
    ///
    /// # Errors
    /// [`EngineError::HomeMissing`], [`EngineError::HomeInUse`], [`EngineError::HomeBroken`] and those of [`Keys::open`].
    pub fn open(folder: &Path) -> Result<Self, EngineError> {
        let folder = settle(folder)?;
        let config = Config::read(&folder)?;
        let lock = lock(&folder)?;
        let keys = Keys::open_known(&config.keys, &config.key_prints)?;
        Ok(Self { folder, config, keys, _lock: lock })
    }

    /// The home's folder, as an absolute path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The home's id: random, and of no meaning elsewhere.
    pub fn id(&self) -> &str {
        &self.config.id
    }

    /// The home's switches.
    pub const fn policy(&self) -> Policy {
        self.config.policy
    }

    /// How the public reaches the body.
    pub const fn contact(&self) -> &Contact {
        &self.config.contact
    }

    /// The home's keys.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Where the home's keys lie.
    pub fn keys_folder(&self) -> &Path {
        &self.config.keys
    }

    /// The linked record's tables.
    pub fn records(&self) -> PathBuf {
        self.folder.join("records")
    }

    /// What was refused by row, with file, line, field and reason.
    pub fn quarantine(&self) -> PathBuf {
        self.folder.join("quarantine")
    }

    /// The report.
    pub fn report(&self) -> PathBuf {
        self.folder.join("report")
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What everybody may see: the register of uses, measures.
    pub fn public(&self) -> PathBuf {
        self.folder.join("public")
    }

    /// Opens the register.
    ///
    /// # Errors
    /// As [`Register::open_at`]; [`EngineError::HomeBroken`] where the settings name a database and the home has a register in a
    /// file too: what that one holds would no longer be heard.
    pub fn register(&self) -> Result<Register, EngineError> {
        let file = self.folder.join(REGISTER);
        if self.config.register.is_some() && file.exists() {
            let what =
                "the home's settings name a register elsewhere, and objections in this file would not be heard".into();
            return Err(EngineError::HomeBroken { path: file, what });
        }
        Register::open_at(&place_of(self.config.register.as_ref(), &self.folder), &self.keys.register)
    }

    /// Opens the log for acts of `who`. Only one can be open at a time.
    ///
    /// # Errors
    /// As [`Audit::open`].
    pub fn audit(&self, who: Remark) -> Result<Audit, EngineError> {
        Audit::open(&self.log(), &self.config.id, who)
    }

    /// Opens the vault.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn vault(&self) -> Result<Vault, EngineError> {
        Vault::open(&self.folder.join("vault"), &self.keys)
    }
}

impl Config {
    fn read(folder: &Path) -> Result<Self, EngineError> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let path = folder.join(CONFIG);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(EngineError::HomeMissing { path: folder.to_owned() });
            }
            Err(source) => return Err(EngineError::Io { doing: "reading", path, source }),
        };
        let broken =
            |error: toml::de::Error| EngineError::HomeBroken { path: path.clone(), what: error.message().to_owned() };
        let form: Form = toml::from_str(&text).map_err(broken)?;
        if form.format != FORMAT {
            let what = format!("its format is {}, and this version reads {FORMAT}", form.format);
            return Err(EngineError::HomeBroken { path, what });
        }
        toml::from_str(&text).map_err(broken)
    }

    fn write(&self, folder: &Path) -> Result<(), EngineError> {
        let path = folder.join(CONFIG);
        let text = toml::to_string(self)
            .map_err(|error| EngineError::HomeBroken { path: path.clone(), what: error.to_string() })?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(EngineError::io("writing", &path))
    }
}

/// Builds the home under another name and then gives it its own, so that it is there whole or not at all.
fn build(
    building: &Path,
    folder: &Path,
    id: &str,
    keys_folder: &Path,
    keys: &Keys,
    options: &InitOptions,
) -> Result<(), EngineError> {
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(EngineError::io("making", parent))?;
    for place in [building.to_owned()].into_iter().chain(FOLDERS.map(|name| building.join(name))) {
        DirBuilder::new().mode(0o700).create(&place).map_err(EngineError::io("making", &place))?;
    }
    let audit = Audit::open(&building.join("log"), id, options.who.clone())?;
    audit.append(&Act::HomeCreated { version: env!("CARGO_PKG_VERSION") }, Outcome::Done)?;
    let register = Register::open_at(&place_of(options.register.as_ref(), building), &keys.register)?;
    if !register.is_new()? {
        return Err(EngineError::RegisterTaken);
    }
    if let Some(Attestation { name, reason }) = &options.attestation {
        let act = Act::NoObjectionsAttested { name: name.clone(), reason: reason.clone() };
        audit.append(&act, Outcome::Done)?;
        register.attest(name, reason)?;
    }
    register.close()?;
    drop(audit);
    let key_prints = keys.prints();
    let register = options.register.clone();
    Config {
        format: FORMAT,
        id: id.to_owned(),
        keys: keys_folder.to_owned(),
        register,
        key_prints,
        policy: options.policy,
        contact: Contact::default(),
    }
    .write(building)?;
    let sync = |path: &Path| File::open(path).and_then(|folder| folder.sync_all());
    sync(building)
        .and_then(|()| fs::rename(building, folder))
        .and_then(|()| sync(parent))
        .map_err(EngineError::io("making", folder))
}

fn place_of(register: Option<&PostgresUrl>, folder: &Path) -> Place {
    register.map_or_else(|| Place::File(folder.join(REGISTER)), |url| Place::Postgres(url.clone()))
}

pub(crate) fn lock(folder: &Path) -> Result<File, EngineError> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(EngineError::io("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::HomeInUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(EngineError::Io { doing: "locking", path, source }),
    }
}

/// Whether nothing stands at the path, or an empty folder.
fn is_free(path: &Path) -> Result<bool, EngineError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(false),
        Err(source) => Err(EngineError::Io { doing: "reading", path: path.to_owned(), source }),
    }
}

/// The path as the file system knows it: absolute, links followed as far as it exists, no `..` left.
pub(crate) fn settle(path: &Path) -> Result<PathBuf, EngineError> {
    let absolute = std::path::absolute(path).map_err(EngineError::io("finding", path))?;
    let mut settled = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                settled.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                settled.push(part);
                settled = settled.canonicalize().unwrap_or(settled);
            }
        }
    }
    Ok(settled)
}

fn beside(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{ending}"));
    folder.with_file_name(name)
}

pub(crate) fn new_id() -> Result<String, EngineError> {
    let mut id = [0_u8; 8];
    getrandom::fill(&mut id).map_err(|_| EngineError::NoRandomness)?;
    Ok(crate::audit::hexadecimal(&id))
}

/// Where the keys of what `folder` holds go: neither inside it nor around it.
pub(crate) fn keys_folder(chosen: Option<&Path>, id: &str, folder: &Path) -> Result<PathBuf, EngineError> {
    let keys = match chosen {
        Some(keys) => settle(keys)?,
        None => settle(&default_keys_folder(id)?)?,
    };
    if keys.starts_with(folder) || folder.starts_with(&keys) {
        return Err(EngineError::KeysBesideData { keys, home: folder.to_owned() });
    }
    Ok(keys)
}

/// `$XDG_CONFIG_HOME/caredata/ID`, or `~/.config/caredata/ID`.
fn default_keys_folder(id: &str) -> Result<PathBuf, EngineError> {
    Ok(config_folder()?.join(id))
}

/// Our folder in the user's configuration folder.
pub(crate) fn config_folder() -> Result<PathBuf, EngineError> {
    let named = |variable| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    named("XDG_CONFIG_HOME")
        .or_else(|| named("HOME").map(|home| home.join(".config")))
        .map(|config| config.join("caredata"))
        .ok_or(EngineError::KeysNowhere)
}
