//! The page: what each part says, around the pictures.
//!
//! A report in, HTML out by the template `page.html` and the style sheet `page.css` beside this file. Invariant: the
//! template escapes every text (its name ends in `.html`); only pictures, whose writer escapes, go in as they are.

use super::data::{Counted, HeldPractice, Population, RunIdentity, RunReport, Setting, SourceCounts, TruthComparison};
use super::figures::{self, Figure, Table};
use super::numbers::{SMALLEST_SHOWN, count, percent, seconds};
use minijinja::Environment;
use serde::Serialize;

/// The table of registrations with a practice.
const PERSONS: &str = "persons";

/// A number to be seen first.
#[derive(Serialize)]
pub(super) struct Tile {
    pub value: String,
    pub label: &'static str,
    pub note: String,
}

/// A timeline with its words.
#[derive(Serialize)]
struct Life {
    who: String,
    note: String,
    figure: Figure,
}

/// The part that compares with the truth.
#[derive(Serialize)]
struct Truth {
    tiles: Vec<Tile>,
    groups: Vec<Figure>,
    objectors: Option<ObjectorWords>,
}

#[derive(Serialize)]
struct ObjectorWords {
    rows: String,
    withheld: String,
    untied: String,
    of_others: String,
}

#[derive(Serialize)]
struct ObjectionWords {
    persons: String,
    sealed: String,
    dropped: String,
    untied: Option<String>,
    too_late: Option<String>,
    unregistered: Option<String>,
}

/// Rows of one source that a run brought again.
#[derive(Serialize)]
struct ReplacedWords {
    source: String,
    rows: String,
}

impl ReplacedWords {
    fn of(counted: &Counted) -> Self {
        Self { source: counted.what.clone(), rows: count(counted.rows) }
    }
}

/// Everything that the template names.
#[derive(Serialize)]
struct Page<'a> {
    style: &'static str,
    synthetic: bool,
    smallest_shown: u64,
    run: &'a RunIdentity,
    period: String,
    method_words: &'static str,
    in_short: String,
    balances: bool,
    tiles: Vec<Tile>,
    flow: Figure,
    withheld: Option<Figure>,
    objections: ObjectionWords,
    held: &'a [HeldPractice],
    replaced: Vec<ReplacedWords>,
    quarantined: Option<Figure>,
    quality: Option<Figure>,
    quality_providers: Option<Table>,
    statuses: Option<Figure>,
    ranks: Option<Figure>,
    weights: Option<Figure>,
    groups: Vec<Figure>,
    truth: Option<Truth>,
    lives: Vec<Life>,
    tables: Option<Table>,
    stages: Option<Figure>,
    settings: &'a [Setting],
}

/// The report as one HTML page.
pub(super) fn render(report: &RunReport) -> String {
    fill("page.html", include_str!("page.html"), page(report))
}

/// A template of ours, which may import `macros.html`, filled with what it names. `name` ends in `.html`, so that every
/// text is escaped.
pub(super) fn fill(name: &'static str, template: &'static str, page: impl Serialize) -> String {
    let mut environment = Environment::new();
    for (name, text) in [("macros.html", include_str!("macros.html")), (name, template)] {
        environment.add_template(name, text).expect("the template is part of the program, and its tests parse it");
    }
    let template = environment.get_template(name).expect("the template was added above");
    template.render(page).expect("the page has every name that the template asks for, as the tests show")
}

fn page(report: &RunReport) -> Page<'_> {
    let synthetic = matches!(report.population, Population::Synthetic);
    let rows_in: u64 = report.sources.iter().map(|source| source.rows_in).sum();
    let withheld = by_reason(&report.sources, |source| source.withheld.iter().chain(&source.withheld_by_person));
    let quarantined = by_reason(&report.sources, |source| source.quarantined.iter());
    let reasons = |id, title, class, counted: &[Counted]| {
        (!counted.is_empty()).then(|| figures::bars(id, title, class, counted, rows_in))
    };
    let (quality, quality_providers) = if report.quality.is_empty() {
        (None, None)
    } else {
        both(figures::quality(report.population, &report.quality))
    };
    let linkage = !report.links.by_status.is_empty();
    Page {
        style: include_str!("page.css"),
        synthetic,
        smallest_shown: SMALLEST_SHOWN,
        run: &report.run,
        period: period_words(&report.run.period),
        method_words: method_words(&report.run.method),
        in_short: in_short(report),
        balances: report.sources.iter().all(SourceCounts::balances),
        tiles: tiles(report),
        flow: figures::flow(report),
        withheld: reasons("withheld", "Rows withheld, by reason", "held", &withheld),
        objections: objection_words(report),
        held: &report.held,
        replaced: report.replaced.iter().map(ReplacedWords::of).collect(),
        quarantined: reasons("quarantined", "Rows quarantined, by reason", "bad", &quarantined),
        quality,
        quality_providers,
        statuses: linkage.then(|| figures::statuses(&report.links)),
        ranks: (!report.links.by_rank.is_empty()).then(|| figures::ranks(&report.links)),
        weights: report.weights.as_ref().and_then(figures::weights),
        groups: figures::linked_by_group(report),
        truth: report.truth.as_ref().filter(|_| synthetic).map(truth),
        lives: if synthetic { lives(report) } else { Vec::new() },
        tables: (!report.tables.is_empty()).then(|| tables(report)),
        stages: (!report.stages.is_empty()).then(|| figures::stages(&report.stages)),
        settings: &report.settings,
    }
}

fn both((figure, table): (Figure, Table)) -> (Option<Figure>, Option<Table>) {
    (Some(figure), Some(table))
}

/// Sums of reasons over all sources, the largest first.
fn by_reason<'a, I>(sources: &'a [SourceCounts], reasons: impl Fn(&'a SourceCounts) -> I) -> Vec<Counted>
where
    I: Iterator<Item = &'a Counted>,
{
    let mut sums: Vec<Counted> = Vec::new();
    for one in sources.iter().flat_map(reasons).filter(|one| one.rows > 0) {
        match sums.iter_mut().find(|sum| sum.what == one.what) {
            Some(sum) => sum.rows += one.rows,
            None => sums.push(one.clone()),
        }
    }
    sums.sort_by(|left, right| right.rows.cmp(&left.rows).then_with(|| left.what.cmp(&right.what)));
    sums
}

fn sum(sources: &[SourceCounts], rows: impl Fn(&SourceCounts) -> u64) -> u64 {
    sources.iter().map(rows).sum()
}

/// Events linked, and all events: registrations with a practice are not counted, since most are of people new to the index.
fn linked(report: &RunReport) -> (u64, u64) {
    let is_event = |name: &str| !report.sources.iter().any(|source| source.source == name && source.table == PERSONS);
    let events = report.links.by_status.iter().filter(|one| is_event(&one.source));
    events.fold((0, 0), |(linked, all), one| (linked + one.linked, all + one.linked + one.new + one.review))
}

/// A period in words: `2014-04` as `April 2014`. What is no period is left as it is.
fn period_words(period: &str) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let month = |text: &str| {
        let (year, month) = text.split_once('-')?;
        let name = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
        Some(format!("{name} {year}"))
    };
    let words = match period.split_once("..") {
        Some((first, last)) => month(first).zip(month(last)).map(|(first, last)| format!("{first} to {last}")),
        None => month(period),
    };
    words.unwrap_or_else(|| period.to_owned())
}

fn in_short(report: &RunReport) -> String {
    let read = sum(&report.sources, |source| source.rows_in);
    let published = sum(&report.sources, SourceCounts::published_rows);
    let withheld = sum(&report.sources, |source| source.withheld_rows() + source.withheld_by_person_rows());
    let quarantined = sum(&report.sources, SourceCounts::quarantined_rows);
    format!(
        "{} rows were read from {} sources. {} of them now stand in the linked record, which has no name, NHS Number, full date \
         of birth or full postcode. {} were held back, by objection or by rule, and {} could not be used. {} people are known.",
        count(read),
        report.sources.len(),
        count(published),
        count(withheld),
        count(quarantined),
        count(report.persons.total),
    )
}

fn tiles(report: &RunReport) -> Vec<Tile> {
    let read = sum(&report.sources, |source| source.rows_in);
    let published = sum(&report.sources, SourceCounts::published_rows);
    let withheld = sum(&report.sources, |source| source.withheld_rows() + source.withheld_by_person_rows());
    let (linked, records) = linked(report);
    let mut tiles = vec![
        Tile { value: count(read), label: "rows read", note: format!("{} now in the linked record", count(published)) },
        Tile {
            value: count(report.persons.total),
            label: "people",
            note: format!(
                "{} new, {} found to be one with another",
                count(report.persons.new),
                count(report.persons.merged)
            ),
        },
        Tile {
            value: percent(linked, records),
            label: "of hospital and other records linked",
            note: format!("{} of {}", count(linked), count(records)),
        },
        Tile {
            value: count(withheld),
            label: "rows withheld",
            note: format!("{} people have records withheld", count(report.objections.persons_withheld)),
        },
    ];
    if !report.stages.is_empty() {
        let time = report.stages.iter().map(|stage| stage.seconds).sum();
        tiles.push(Tile { value: seconds(time), label: "of work", note: format!("in {} stages", report.stages.len()) });
    }
    tiles
}

fn objection_words(report: &RunReport) -> ObjectionWords {
    let objections = &report.objections;
    ObjectionWords {
        persons: count(objections.persons_withheld),
        sealed: count(objections.sealed),
        dropped: count(objections.dropped),
        untied: (objections.untied_withheld > 0).then(|| count(objections.untied_withheld)),
        too_late: (objections.no_longer_counting > 0).then(|| count(objections.no_longer_counting)),
        unregistered: (objections.wishes_unregistered > 0).then(|| count(objections.wishes_unregistered)),
    }
}

pub(super) fn method_words(method: &str) -> &'static str {
    match method {
        "probabilistic" => {
            "Each identifier that agrees, nearly agrees or differs adds to or takes from a weight, by how often that happens \
             among records of one person and among records of two. The values are learnt from the data themselves. A record is \
             linked where its best person's weight is high enough and clearly above the next best."
        }
        "hesid" => {
            "Three passes, as in the index of the hospital episode statistics: by sex, date of birth and NHS Number; then by sex, \
             date of birth, postcode and the hospital's own number; then by sex, date of birth and postcode. No weights."
        }
        "match-rank" => {
            "Eight steps from all four identifiers down to the NHS Number alone; the first step at which a record agrees with a \
             person links it. No weights."
        }
        _ => "",
    }
}

fn truth(truth: &TruthComparison) -> Truth {
    let mut tiles = vec![
        Tile {
            value: percent(truth.missed, truth.records),
            label: "missed",
            note: format!("{} of {} records of registered people", count(truth.missed), count(truth.records)),
        },
        Tile {
            value: percent(truth.false_links, truth.linked),
            label: "false",
            note: format!("{} of {} links went to another person", count(truth.false_links), count(truth.linked)),
        },
    ];
    if let Some(duplicates) = truth.duplicates {
        tiles.push(Tile {
            value: percent(duplicates.joined, duplicates.people),
            label: "of people at two practices joined",
            note: format!("{} of {}", count(duplicates.joined), count(duplicates.people)),
        });
    }
    let objectors = truth.objectors.map(|objectors| ObjectorWords {
        rows: count(objectors.rows),
        withheld: count(objectors.withheld),
        untied: count(objectors.untied),
        of_others: count(objectors.withheld_of_others),
    });
    Truth { tiles, groups: figures::missed_by_group(truth), objectors }
}

fn lives(report: &RunReport) -> Vec<Life> {
    let drawn = report.timelines.iter().enumerate();
    drawn
        .map(|(index, one)| Life {
            who: one.who.clone(),
            note: one.note.clone(),
            figure: figures::timeline(index, one),
        })
        .collect()
}

fn tables(report: &RunReport) -> Table {
    let mut table = Table::new("Rows of the linked record after this run", &["Table", "Rows"]);
    table.rows = report.tables.iter().map(|one| vec![one.table.clone(), count(one.rows)]).collect();
    table
}
