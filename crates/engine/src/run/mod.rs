//! The month's run: files in, the next version of the linked record out.
//!
//! The stages stand in [`Month::go`] in their order, each in a module of its own. Invariants: a run that is refused, fails or is
//! killed changes nothing that anybody can see; started again it ends where it would have; the log has its line before
//! anything takes effect.

mod admission;
mod index_store;
mod inputs;
mod linking;
mod past;
mod persons;
mod publish;
mod quarantine;
mod report;
mod state;
mod summary;
mod timelines;
mod truth;
mod writing;

pub(crate) use admission::provider_number;
pub use caredata_extract::Source;
pub use inputs::RunInput;
pub use publish::present;
pub use state::{Part, Present, Publication, RegistrationWish, SealedFile, Stop};

use crate::audit::{Act, Audit, Outcome};
use crate::error::{EngineError, Remark};
use crate::home::{Home, UnlinkedRows};
use crate::register::{Contribution, ContributionId, Footing, Kind, NewContribution, Register, RunId};
use crate::report::{RunReport, Stage};
use crate::vault::Vault;
use admission::{Practices, Rules, admit_elsewhere, admit_registrations, terms};
use caredata_admit::{
    Attestation, Policy, RecordKeySecret, RecordKeys, Register as Answers, Registrations, Subject, Terms, Unlinked,
};
use caredata_deidentify::{Deidentifier, PseudonymKey, Pseudonyms};
use caredata_extract::{ObjectionCodes, SensitiveCodes};
use caredata_link::Index;
use caredata_model::{Day, Period, PersonId, SourceName, Wish};
use inputs::Inputs;
use linking::Linking;
pub(crate) use linking::known_by;
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
    let present = publish::recover(home, &register, &audit)?;
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

/// What came in, as the parts that the index and the register know it by.
struct Parts {
    /// The number of each part, new ones included.
    numbers: BTreeMap<Part, u32>,
    /// The contributions held now that these replace.
    replaced: Vec<Contribution>,
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
        let keys = home.keys();
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
                secret: RecordKeySecret::new(*keys.record.bytes()),
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
        let mut practices = Practices::read(&inputs, &self.rules)?;
        let parts = self.parts(&inputs, &practices)?;
        let stopped = self.stopped(&inputs, &practices)?;
        let mut index = index_store::load(&self.vault, &self.present)?;
        let known: Vec<PersonId> = index.observations().iter().map(|one| one.person).collect();
        let terms = terms(self.answers(&parts, &practices, &stopped, &index)?, &self.rules);

        self.stage("admit");
        let (registered, registrations) = admit_registrations(&mut practices, &terms)?;
        let elsewhere = inputs
            .elsewhere
            .iter()
            .map(|(source, files)| admit_elsewhere(source, files, &terms))
            .collect::<Result<Vec<_>, _>>()?;

        self.stage("link");
        let held = linking::replace(&mut index, &parts, &registered, &stopped);
        let linking = Linking::new(&self, index, &registered, &elsewhere, held, &parts);
        let policy = Policy {
            unlinked: match self.home.policy().unlinked_rows {
                UnlinkedRows::Publish => Unlinked::Admit,
                UnlinkedRows::Withhold => Unlinked::Withhold,
            },
        };
        let answers = linking.ask(&terms.register, policy);

        self.stage("de-identify and write");
        let journals = self.journals(&inputs, &practices, &registrations, &terms)?;
        let mut written = self.write(registered, elsewhere, &journals, &linking, &answers)?;

        self.stage("apply the rule to the past");
        let past = self.rewrite_past(&mut written, &inputs, &practices, &linking, &answers)?;

        self.stage("publish");
        let index = self.store_index(&written, &practices, &parts, &linking)?;
        let report = self.report(&written, &past, &linking, &answers, &known)?;
        let publication =
            past.publication(self.run, index, &parts, self.wishes_of_registrations(&parts, &practices), stopped);
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
        let mut own: Vec<Part> = practices
            .sent
            .iter()
            .map(|practice| Part { source: GP.to_owned(), practice: Some(practice.clone()), period: period.clone() })
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
            numbers.contains_key(&part)
        };
        let replaced = self.register.contributions()?.into_iter().filter(is_replaced).collect();
        Ok(Parts { numbers, replaced })
    }

    /// The register as the gates of this run see it: all that was loaded and noted, and what the journals say.
    fn answers(
        &self,
        parts: &Parts,
        practices: &Practices,
        stopped: &BTreeMap<i64, Stop>,
        index: &Index,
    ) -> Result<Answers, EngineError> {
        let replaced: Vec<ContributionId> = parts.replaced.iter().map(|held| held.id).collect();
        let known = self.register.wishes(&replaced)?;
        let mut events: Vec<(Subject, Wish)> =
            known.into_iter().map(|(number, wish)| (Subject::Number(number), wish)).collect();
        let renewed: BTreeSet<u32> = parts.numbers.values().copied().collect();
        for said in self.present.wishes_of_registrations.iter().filter(|said| !renewed.contains(&said.part)) {
            events.push(said.event()?);
        }
        events.extend(practices.wishes.iter().map(|(_, subject, wish)| (*subject, wish.clone())));
        events.extend(stopped.iter().map(|(&registration, stop)| stop.event(registration)));
        let answers = answers_of(self.register, events, self.rules.today)?;
        // What this run's registrations state is newer than what the index holds.
        let keys = RecordKeys::new(&self.rules.secret, &Source::builtin("gp-patients")?.name);
        let (held, brought) = (linking::stated(index, &answers), practices.stated(&answers, &keys));
        Ok(answers.stating(held.into_iter().chain(brought)))
    }

    /// The registrations whose sending has ended by objection, as known with this run: told by tokens in packages, and by raw
    /// exports themselves. A stop is lifted by a package of a later month that sends the registration again, since the practice
    /// then knows of a withdrawal; or by a raw export that holds the withdrawal itself. Silence lifts nothing.
    fn stopped(&self, inputs: &Inputs, practices: &Practices) -> Result<BTreeMap<i64, Stop>, EngineError> {
        let mut stopped = self.present.stopped.clone();
        let month = Period::of(self.input.period.last_day()).to_string();
        let keys = RecordKeys::new(&self.rules.secret, &Source::builtin("gp-patients")?.name);
        for batch in &practices.patients {
            for row in 0..batch.len() {
                if stopped.is_empty() {
                    break;
                }
                let registration = keys.key(batch.key(row)).value();
                let sent_later = |stop: &Stop| !batch.token(row).is_empty() && stop.told < month;
                let withdrawn =
                    practices.collected.withdrawn.contains(&(batch.provider(row).into(), batch.local_id(row).into()));
                if stopped.get(&registration).is_some_and(|stop| withdrawn || sent_later(stop)) {
                    stopped.remove(&registration);
                }
            }
        }
        // A token that was never sent to this home has no rows here that could be withheld.
        let mut known = if inputs.stopped.iter().all(|(_, tokens)| tokens.is_empty()) {
            HashMap::new()
        } else {
            index_store::load_tokens(&self.vault, &self.present)?
        };
        known.extend(practices.tokens.iter().map(|(token, key)| (token.clone(), *key)));
        let by_token =
            inputs.stopped.iter().flat_map(|(_, tokens)| tokens).filter_map(|token| known.get(token)).copied();
        let last_day = Some(self.input.period.last_day());
        for registration in by_token {
            stopped.entry(registration.value()).or_insert_with(|| Stop::since(last_day, None)).tell(&month);
        }
        for (registration, mut stop) in practices.stops(&keys) {
            let before = stopped.remove(&registration.value()).unwrap_or_default();
            stop.tell(&before.told);
            stop.tell(&month);
            stopped.insert(registration.value(), stop);
        }
        Ok(stopped)
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
                let of_practice = |practice: &String| part.practice.as_ref() == Some(practice);
                let wishes = practices.wishes.iter().filter_map(|(practice, subject, wish)| match subject {
                    Subject::Number(number) if of_practice(practice) => Some((*number, wish.clone())),
                    Subject::Number(_) | Subject::Record(_) => None,
                });
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

    fn wishes_of_registrations(&self, parts: &Parts, practices: &Practices) -> Vec<RegistrationWish> {
        let renewed: BTreeSet<u32> = parts.numbers.values().copied().collect();
        let held = self.present.wishes_of_registrations.iter().filter(|said| !renewed.contains(&said.part)).cloned();
        let number_of = |practice: &str| {
            let part = parts.numbers.iter().find(|(part, _)| part.practice.as_deref() == Some(practice));
            part.map(|(_, &number)| number)
        };
        let fresh = practices.wishes.iter().filter_map(|(practice, subject, wish)| match subject {
            Subject::Record(registration) => Some(RegistrationWish {
                part: number_of(practice)?,
                registration: registration.value(),
                kind: Kind { choice: wish.choice, scope: wish.scope.clone() }.to_string(),
                effective: wish.effective.map(|day| day.to_string()),
                recorded: wish.recorded.map(|day| day.to_string()),
            }),
            Subject::Number(_) => None,
        });
        held.chain(fresh).collect()
    }
}

/// The person index of a home's present.
///
/// # Errors
/// [`EngineError`] where the vault cannot be opened.
pub fn index_of(home: &Home, present: &Present) -> Result<Index, EngineError> {
    index_store::load(&home.vault()?, present)
}

/// The register of a home as it stands now, with what its present's journals said and the numbers that its index knows.
///
/// # Errors
/// [`EngineError`] where the register cannot be read, or nobody answers for its being empty.
pub fn register_of(home: &Home, present: &Present, index: &Index) -> Result<Answers, EngineError> {
    let register = home.register()?;
    let numbers = register.wishes(&[])?.into_iter().map(|(number, wish)| (Subject::Number(number), wish));
    let mut events: Vec<(Subject, Wish)> = numbers.collect();
    for said in &present.wishes_of_registrations {
        events.push(said.event()?);
    }
    events.extend(present.stopped.iter().map(|(&registration, stop)| stop.event(registration)));
    let answers = answers_of(&register, events, crate::today())?;
    let stated = linking::stated(index, &answers);
    Ok(answers.stating(stated))
}

/// The register's answers, from what was said, or from somebody's word that nothing was.
fn answers_of(register: &Register, events: Vec<(Subject, Wish)>, today: Day) -> Result<Answers, EngineError> {
    if !events.is_empty() {
        return Ok(Answers::from_events(events, today)?);
    }
    match register.footing()? {
        Footing::Attested { name, reason } => Ok(Answers::attested(&Attestation::new(&name, &reason)?, today)),
        Footing::Events | Footing::Nothing => Err(EngineError::NobodyAttested),
    }
}

/// The source under which the register and the index know a practice's part.
const GP: &str = "gp";
