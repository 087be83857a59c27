//! The month's run: files in, the next version of the linked record out.
//!
//! The stages stand in [`Month::go`] in their order, each in a module of its own. Invariants: a run that is refused, fails or is
//! killed changes nothing that anybody can see; started again it ends where it would have; the log has its line before
//! anything takes effect.

mod admission;
pub(crate) mod handles;
mod inputs;
mod linking;
mod package_checks;
mod past;
mod persons;
mod publish;
mod quarantine;
mod refresh;
mod report;
mod state;
mod summary;
mod timelines;
mod tokens;
mod truth;
mod uses;
mod watch;
mod writing;

pub(crate) use admission::provider_number;
pub use caredata_extract::Source;
pub use inputs::RunInput;
pub(crate) use linking::person_id;
pub use publish::present;
pub(crate) use publish::recover;
pub(crate) use refresh::{Refreshed, refresh};
pub use state::{Part, Present, Publication, Reach, RegistrationWish, SealedFile};
pub(crate) use summary::{quality, weights};
pub use watch::{Watched, WatchedMonth};

use crate::audit::{Act, Audit, Outcome};
use crate::error::{EngineError, Remark};
use crate::home::{Home, NationalOptOuts};
use crate::index_store;
use crate::register::{Contribution, ContributionId, Footing, NewContribution, Register, RunId};
use crate::report::{RunReport, Stage};
use crate::vault::Vault;
use admission::{Practices, Rules, admit_elsewhere, admit_registrations, terms};
use caredata_admit::{
    Attestation, RecordKeySecret, RecordKeys, Register as Answers, Registrations, Setting, Subject, Terms,
};
use caredata_deidentify::{Deidentifier, PseudonymKey, Pseudonyms};
use caredata_extract::{ObjectionCodes, SensitiveCodes};
use caredata_link::Index;
use caredata_model::{Cause, Choice, Day, NhsNumber, Period, PersonId, RecordKey, SourceName, Wish};
use inputs::Inputs;
use linking::Linking;
pub(crate) use linking::known_by;
use past::CarriedOver;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// Told where a run is, for whoever watches.
pub trait Progress: Sync {
    /// A stage begins.
    fn stage(&self, name: &str);
}

/// Told nothing.
impl Progress for () {
    fn stage(&self, _name: &str) {}
}

/// Runs a month, or a backfill.
///
/// # Errors
/// [`EngineError`]: refused input, with nothing changed; refused by a rule, logged; or a fault of ours, after which the same
/// run can be started again.
pub fn run(home: &Home, who: Remark, input: &RunInput, progress: &dyn Progress) -> Result<RunReport, EngineError> {
    let audit = home.audit(who)?;
    let register = home.register()?;
    let present = recover(home, &register, &audit)?;
    let done = Month::begin(home, &audit, &register, input, present, progress).and_then(Month::go);
    if let Err(error) = &done {
        audit.append(&Act::RunRefused { code: error.code() }, Outcome::Denied)?;
    }
    done
}

/// One run and all that its stages share.
struct Month<'a> {
    home: &'a Home,
    audit: &'a Audit,
    register: &'a Register,
    vault: Vault,
    input: &'a RunInput,
    progress: &'a dyn Progress,
    run: RunId,
    rules: Rules,
    present: Present,
    pseudonyms: Pseudonyms,
    deidentifier: Deidentifier,
    began: Instant,
    stages: Vec<Stage>,
}

/// Registrations by record key, each with a month.
type Stops = BTreeMap<i64, String>;

/// What came in, as the parts that the index and the register know it by.
struct Parts {
    /// The number of each part, new ones included.
    numbers: BTreeMap<Part, u32>,
    /// The contributions held now that these replace.
    replaced: Vec<Contribution>,
}

impl Parts {
    /// The parts of one source, and their numbers.
    fn of(&self, source: &str) -> impl Iterator<Item = (&Part, u32)> {
        self.numbers.iter().filter(move |(part, _)| part.source == source).map(|(part, &number)| (part, number))
    }
}

impl<'a> Month<'a> {
    fn begin(
        home: &'a Home,
        audit: &'a Audit,
        register: &'a Register,
        input: &'a RunInput,
        present: Present,
        progress: &'a dyn Progress,
    ) -> Result<Self, EngineError> {
        if register.footing()? == Footing::Nothing {
            return Err(EngineError::NobodyAttested);
        }
        let run = register.begin_run(input.period)?;
        audit.append(&Act::RunStarted { run: run.0, period: input.period }, Outcome::Allowed)?;
        Self::set_up(home, audit, register, input, present, progress, run)
    }

    fn set_up(
        home: &'a Home,
        audit: &'a Audit,
        register: &'a Register,
        input: &'a RunInput,
        present: Present,
        progress: &'a dyn Progress,
        run: RunId,
    ) -> Result<Self, EngineError> {
        let keys = home.keys();
        let secret = RecordKeySecret::new(*keys.record.bytes());
        let pseudonyms = Pseudonyms::new(&PseudonymKey::new(*keys.pseudonym.bytes()), "records");
        Ok(Self {
            home,
            audit,
            register,
            vault: home.vault()?,
            input,
            progress,
            run,
            rules: Rules {
                objections: Arc::new(ObjectionCodes::builtin()),
                sensitive: Arc::new(SensitiveCodes::builtin()),
                registrations: RecordKeys::new(&secret, &Source::builtin("gp-patients")?.name),
                secret,
                today: crate::today(),
            },
            present,
            deidentifier: Deidentifier::new(pseudonyms.clone(), input.period),
            pseudonyms,
            began: Instant::now(),
            stages: Vec::new(),
        })
    }

    fn go(mut self) -> Result<RunReport, EngineError> {
        self.stage("find files");
        let inputs = Inputs::find(self.input)?;
        self.stage("read practices");
        let mut practices = Practices::read(&inputs, &self.rules, &self.alarm())?;
        self.note_accepted(&practices)?;
        let parts = self.parts(&inputs, &practices)?;
        let (stopped, lifted) = self.stopped(&inputs, &practices)?;
        let mut index = index_store::load(&self.vault, &self.present.index)?;
        let known: Vec<PersonId> = index.observations().iter().map(|one| one.person).collect();
        practices.find_disputes(&index, &self.rules);
        let said = self.wishes_of_registrations(&parts, &practices);
        let terms = terms(self.answers(&parts, &practices, &said, &stopped)?, &self.rules, &practices);
        self.name_held(&practices)?;

        self.stage("admit");
        let (registered, registrations) = admit_registrations(&mut practices, &terms)?;
        let elsewhere = inputs
            .elsewhere
            .iter()
            .map(|(source, files)| admit_elsewhere(source, files, &terms))
            .collect::<Result<Vec<_>, _>>()?;

        self.stage("link");
        let held = linking::replace(&mut index, &parts, &registered, &terms.register);
        let period = self.input.period.to_string();
        for (&number, _) in self.present.parts.iter().filter(|(_, part)| part.period == period) {
            // What came of the same period and stays: what was found with it is found anew beside what comes now.
            index.take_back_judged_again(number);
        }
        let linking = Linking::new(&self, index, &registered, &elsewhere, held, &parts);
        let answers = linking.ask(&terms.register, self.policy());

        self.stage("de-identify and write");
        let journals = self.journals(&inputs, &practices, &registrations, &terms)?;
        let mut written = self.write(registered, elsewhere, &journals, &linking, &answers)?;

        self.stage("apply the rule to the past");
        let past = self.rewrite_past(&mut written, &inputs, &practices, &linking, &answers)?;

        self.stage("publish");
        let index = self.store_index(&written, &practices, &parts, &linking)?;
        let report = self.report(&written, &past, &linking, &answers, &known, (&inputs, &practices))?;
        let mut publication = past.publication(
            self.run,
            index,
            &parts,
            said,
            CarriedOver { stopped, lifted, watched: practices.watched.clone() },
        );
        let handles = self.store_handles(&publication.present.parts, &linking, &answers)?;
        publication.present.index.extend([handles]);
        self.note_use(&publication, &linking, &answers)?;
        publish::publish(self.home, self.register, self.audit, &publication, &self.contributions(&parts, &practices)?)?;
        self.end(report, &written)
    }

    /// Names the stage that begins, and notes how long the one before took.
    fn stage(&mut self, name: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        if let Some(before) = self.stages.last_mut() {
            before.seconds = seconds;
        }
        self.began = Instant::now();
        self.stages.push(Stage { name: name.to_owned(), seconds: 0.0 });
        self.progress.stage(name);
    }

    /// Numbers what came in, and finds what it replaces.
    fn parts(&self, inputs: &Inputs, practices: &Practices) -> Result<Parts, EngineError> {
        let period = self.input.period.to_string();
        let part = |source: &str, practice: &str| Part {
            source: source.to_owned(),
            practice: Some(practice.to_owned()),
            period: period.clone(),
        };
        // A package tells nothing of type 1 objections, so those that were heard stand beside it.
        let packed: BTreeSet<&str> = inputs.packages.iter().map(|package| package.practice.as_str()).collect();
        let is_type_1 = |part: u32| {
            let mut noted = self.present.wishes_of_registrations.iter().filter(|said| said.part == part);
            noted.any(RegistrationWish::is_type_1)
        };
        let settles = |(source, practice): &(&str, &String)| {
            let mut known = self.present.parts.iter().filter(|(_, known)| **known == part(source, practice));
            known.any(|(&number, _)| !packed.contains(practice.as_str()) || !is_type_1(number))
        };
        // What no practice's code can be is another column's value, and is not kept as one.
        let speaks = |practice: &str| summary::organisation(practice) == practice && practices.have_said(practice);
        let mut own: Vec<Part> = practices
            .sent
            .iter()
            .map(|practice| (GP, practice))
            // Once its data are taken, what was heard of it while it was held stands in them, or was taken back.
            .chain(practices.sent.iter().map(|practice| (GP_HELD, practice)).filter(|part| settles(part)))
            .chain(practices.held.keys().filter(|practice| speaks(practice)).map(|practice| (GP_HELD, practice)))
            .map(|(source, practice)| part(source, practice))
            .collect();
        own.extend(inputs.elsewhere.iter().map(|(source, _)| Part {
            source: source.name.to_string(),
            practice: None,
            period: period.clone(),
        }));
        let known: BTreeMap<&Part, u32> = self.present.parts.iter().map(|(&number, part)| (part, number)).collect();
        let mut next = self.present.parts.keys().next_back().map_or(0, |last| last + 1);
        let mut numbers = BTreeMap::new();
        for part in own {
            let number = known.get(&part).copied().unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            numbers.insert(part, number);
        }
        let is_replaced = |held: &Contribution| {
            let part = Part {
                source: held.source.to_string(),
                practice: held.provider.clone(),
                period: held.period.to_string(),
            };
            // What is heard of a practice that is held is added to what was.
            numbers.contains_key(&part) && !is_added(&part, practices)
        };
        let replaced = self.register.contributions()?.into_iter().filter(is_replaced).collect();
        Ok(Parts { numbers, replaced })
    }

    /// The register as the gates of this run see it: all that was loaded and noted, and what the journals say.
    fn answers(
        &self,
        parts: &Parts,
        practices: &Practices,
        of_registrations: &[RegistrationWish],
        stopped: &BTreeMap<i64, String>,
    ) -> Result<Answers, EngineError> {
        let replaced: Vec<ContributionId> = parts.replaced.iter().map(|held| held.id).collect();
        let mut numbers = self.register.wishes(&replaced)?;
        numbers.extend(practices.wishes_of_numbers().map(|(_, number, wish)| (number, wish.clone())));
        let answers = answers_of(self.register, numbers, of_registrations, stopped, self.rules.today)?;
        nationally(self.home, self.register, answers)
    }

    /// What the numbers of wishes are judged by.
    fn alarm(&self) -> watch::Alarm<'_> {
        let accepted = self.input.accepted.iter().map(|(code, _)| code.as_str()).collect();
        watch::Alarm { watched: &self.present.watched, period: self.input.period, accepted }
    }

    /// Names in the log whose numbers somebody accepts, before anything follows from it.
    fn note_accepted(&self, practices: &Practices) -> Result<(), EngineError> {
        for (code, reason) in &self.input.accepted {
            if !practices.accepted.contains(code) {
                return Err(EngineError::NothingToAccept);
            }
            let provider = Remark::parse("the practice's code", summary::organisation(code))?;
            let act = Act::CountsAccepted { run: self.run.0, provider, reason: reason.clone() };
            self.audit.append(&act, Outcome::Allowed)?;
        }
        Ok(())
    }

    /// Names in the log the practices of which this run takes nothing.
    fn name_held(&self, practices: &Practices) -> Result<(), EngineError> {
        for (practice, check) in &practices.held {
            let act = Act::ProviderHeld {
                run: self.run.0,
                source: SourceName::parse(GP).map_err(|_| EngineError::Interrupted)?,
                provider: Remark::parse("the practice's code", summary::organisation(practice))?,
                check: check.code(),
            };
            self.audit.append(&act, Outcome::Denied)?;
        }
        Ok(())
    }

    /// The registrations whose sending has ended by objection, as packages' tokens told, and the month in which such a stop was
    /// lifted. It is lifted by a package of a later month that sends the registration again, since the practice then knows of a
    /// withdrawal; or by a raw export, of no earlier month, that holds the withdrawal itself. Silence lifts nothing, and nor does
    /// what was said elsewhere; and a package of a month before it was lifted, run again, does not set it again.
    fn stopped(&self, inputs: &Inputs, practices: &Practices) -> Result<(Stops, Stops), EngineError> {
        let (mut stopped, mut lifted) = (self.present.stopped.clone(), self.present.lifted.clone());
        let month = Period::of(self.input.period.last_day()).to_string();
        for batch in &practices.patients {
            for row in (0..batch.len()).filter(|&row| practices.sent.contains(batch.provider(row))) {
                if stopped.is_empty() {
                    break;
                }
                let registration = self.rules.registrations.key(batch.key(row)).value();
                let sent_later = |told: &String| !batch.token(row).is_empty() && *told < month;
                let withdrawn = |told: &String| {
                    let patient = (batch.provider(row).into(), batch.local_id(row).into());
                    *told <= month && practices.collected.withdrawn.contains(&patient)
                };
                if stopped.get(&registration).is_some_and(|told| sent_later(told) || withdrawn(told)) {
                    stopped.remove(&registration);
                    lifted.insert(registration, month.clone());
                }
            }
        }
        // A token that was never sent to this home has no rows here that could be withheld.
        let mut known = if inputs.stopped.iter().all(|(_, tokens)| tokens.is_empty()) {
            HashMap::new()
        } else {
            tokens::load(&self.vault, &self.present)?
        };
        known.extend(practices.tokens.iter().map(|(token, key)| (token.clone(), *key)));
        for registration in inputs.stopped.iter().flat_map(|(_, tokens)| tokens).filter_map(|token| known.get(token)) {
            if lifted.get(&registration.value()).is_some_and(|since| month < *since) {
                continue;
            }
            lifted.remove(&registration.value());
            let told = stopped.entry(registration.value()).or_default();
            if *told < month {
                told.clone_from(&month);
            }
        }
        Ok((stopped, lifted))
    }

    fn journals(
        &self,
        inputs: &Inputs,
        practices: &Practices,
        registrations: &Arc<Registrations>,
        terms: &Terms,
    ) -> Result<writing::Journals, EngineError> {
        writing::Journals::new(inputs.journals.clone(), practices, registrations, terms, &self.rules)
    }

    /// What the register notes of this run's parts, with the wishes that came in them.
    fn contributions(&self, parts: &Parts, practices: &Practices) -> Result<Vec<NewContribution>, EngineError> {
        parts
            .numbers
            .keys()
            .map(|part| {
                let wishes = practices
                    .wishes_of_numbers()
                    .filter(|&(practice, ..)| {
                        takes_wishes(part, practices) && part.practice.as_deref() == Some(practice)
                    })
                    .map(|(_, number, wish)| (number, wish.clone()));
                let same = |held: &&Contribution| held.source.as_str() == part.source && held.provider == part.practice;
                Ok(NewContribution {
                    source: SourceName::parse(&part.source).map_err(|_| EngineError::Interrupted)?,
                    provider: part.practice.clone(),
                    period: self.input.period,
                    replaces: parts.replaced.iter().filter(same).map(|held| held.id).collect(),
                    wishes: wishes.collect(),
                })
            })
            .collect()
    }

    /// What journals note of registrations, after this run.
    fn wishes_of_registrations(&self, parts: &Parts, practices: &Practices) -> Vec<RegistrationWish> {
        let renewed = parts.numbers.iter().filter(|(part, _)| !is_added(part, practices));
        let renewed: BTreeSet<u32> = renewed.map(|(_, &number)| number).collect();
        let held = self.present.wishes_of_registrations.iter().filter(|said| !renewed.contains(&said.part)).cloned();
        let taking = parts.numbers.iter().filter(|(part, _)| takes_wishes(part, practices));
        let part_of: HashMap<&str, u32> =
            taking.filter_map(|(part, &number)| Some((part.practice.as_deref()?, number))).collect();
        held.chain(practices.wishes_of_registrations(|practice| part_of.get(practice).copied())).collect()
    }
}

/// Whether a part is of a practice that is held in this run: its objections are added to those heard before.
fn is_added(part: &Part, practices: &Practices) -> bool {
    part.source == GP_HELD && part.practice.as_ref().is_some_and(|practice| practices.held.contains_key(practice))
}

/// Whether what a practice said in this run is noted under a part: its own, or while it is held the one beside it.
fn takes_wishes(part: &Part, practices: &Practices) -> bool {
    part.source == GP || is_added(part, practices)
}

/// The person index of a home's present.
///
/// # Errors
/// [`EngineError`] where the vault cannot be opened.
pub fn index_of(home: &Home, present: &Present) -> Result<Index, EngineError> {
    index_store::load(&home.vault()?, &present.index)
}

/// The register of a home as it stands now, with what its present's journals and packages said.
///
/// # Errors
/// [`EngineError`] where the register cannot be read, or nobody answers for its being empty.
pub fn register_of(home: &Home, present: &Present) -> Result<Answers, EngineError> {
    let register = home.register()?;
    let numbers = register.wishes(&[])?;
    let answers = answers_of(&register, numbers, &present.wishes_of_registrations, &present.stopped, crate::today())?;
    nationally(home, &register, answers)
}

/// The answers, with whoever the national file has not let through withheld, where the home asks it.
fn nationally(home: &Home, register: &Register, answers: Answers) -> Result<Answers, EngineError> {
    match home.policy().national_opt_outs {
        NationalOptOuts::NotAsked => Ok(answers),
        NationalOptOuts::Asked => {
            let allowed = register.allowed(answers.today())?;
            Ok(answers.letting_through(move |number| allowed.contains(number)))
        }
    }
}

/// The register's answers, from what was said, or from somebody's word that nothing was.
fn answers_of(
    register: &Register,
    numbers: Vec<(NhsNumber, Wish)>,
    of_registrations: &[RegistrationWish],
    stopped: &BTreeMap<i64, String>,
    today: Day,
) -> Result<Answers, EngineError> {
    let (mut events, mut own_words) = (Vec::new(), Vec::new());
    events.extend(numbers.into_iter().map(|(number, wish)| (Subject::Number(number), wish)));
    for said in of_registrations {
        let (registration, wish) = (said.registration(), said.wish()?);
        // A withdrawal may take back what was noted before the number was known.
        if said.reach == Reach::Person || wish.choice == Choice::Withdraw {
            events.push((Subject::Record(registration), wish.clone()));
        }
        own_words.push((registration, wish));
    }
    for &registration in stopped.keys() {
        // The day is the practice's own affair, so it counts from now.
        let Some(scope) = Cause::StoppedToken.weighed_as() else { continue };
        let wish = Wish { scope, choice: Choice::Object, effective: None, recorded: None };
        let registration = RecordKey::from_bits(registration.cast_unsigned());
        events.push((Subject::Record(registration), wish.clone()));
        own_words.push((registration, wish));
    }
    let answers = if events.is_empty() {
        match register.footing()? {
            Footing::Attested { name, reason } => Answers::attested(&Attestation::new(&name, &reason)?, today),
            Footing::Events | Footing::Nothing => return Err(EngineError::NobodyAttested),
        }
    } else {
        Answers::from_events(events, today)?
    };
    Ok(answers.noting(own_words))
}

/// The source under which the register and the index know a practice's part.
/// The sources of what practices send, and of what they noted while their data were held.
const GP: &str = Setting::GP_SOURCES[0];
const GP_HELD: &str = Setting::GP_SOURCES[1];
