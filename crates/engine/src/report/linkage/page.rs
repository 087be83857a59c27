//! The page of a linkage report: what each part says, around the pictures.
//!
//! A report in, HTML out by the template `linkage.html` and the style sheet of the run report. Invariant: headings say what
//! was found, and every number is one of the report's.

use super::data::{
    AgainstTruth, ExpectedErrors, GroupShare, LinkageReport, Methods, ProviderShare, Rate, ReadmissionTruth,
    Readmissions,
};
use super::figures::{fine, reliability, signs};
use crate::report::data::{Dimension, FieldName, Links, Population};
use crate::report::figures::{self, Figure, Table, Words};
use crate::report::numbers::{count, percent};
use crate::report::page::{Tile, fill, method_words};
use serde::Serialize;

/// Providers and groups listed at first sight.
const LISTED: usize = 20;
/// Groups of fewer records do not make a headline.
const HEADLINE_RECORDS: u64 = 1_000;

/// Everything that the template names.
#[derive(Serialize)]
struct Page<'a> {
    style: &'static str,
    headline: String,
    in_short: String,
    tiles: Vec<Tile>,
    methods: &'a Methods,
    method_words: &'static str,
    settings: Vec<(&'static str, String)>,
    sources: Table,
    rules: Option<Table>,
    levels: Option<Table>,
    statuses: Figure,
    ranks: Option<Figure>,
    weights: Option<Figure>,
    quality: Option<Figure>,
    quality_providers: Option<Table>,
    usable: Option<Table>,
    expected: Option<ErrorWords>,
    fairness: String,
    groups: Vec<Figure>,
    providers: Table,
    providers_all: Option<Table>,
    signs: SignWords,
    measure: MeasureWords,
    truth: Option<TruthWords>,
}

/// The part on likely errors.
#[derive(Serialize)]
struct ErrorWords {
    heading: String,
    false_links: String,
    false_share: String,
    linked: String,
    missed: String,
    missed_share: String,
    doubtful: String,
}

#[derive(Serialize)]
struct SignWords {
    heading: String,
    figure: Figure,
    known: Option<String>,
}

/// The part on the measure.
#[derive(Serialize)]
struct MeasureWords {
    heading: String,
    rate: String,
    of: String,
    expected: Option<String>,
    truth: Option<String>,
    groups: Vec<Figure>,
    bias: Option<Table>,
}

/// The part that compares with the truth.
#[derive(Serialize)]
struct TruthWords {
    heading: String,
    tiles: Vec<Tile>,
    missed: Vec<Figure>,
    wrong: Vec<Figure>,
    by_group: Table,
    ratios: Option<Table>,
    calibration: Option<CalibrationWords>,
}

#[derive(Serialize)]
struct CalibrationWords {
    heading: String,
    said: String,
    figure: Figure,
}

/// The report as one HTML page.
pub(super) fn render(report: &LinkageReport) -> String {
    fill("linkage.html", include_str!("linkage.html"), page(report))
}

fn page(report: &LinkageReport) -> Page<'_> {
    let (quality, quality_providers) = if report.quality.is_empty() {
        (None, None)
    } else {
        let (figure, table) = figures::quality(Population::Synthetic, &report.quality);
        (Some(figure), Some(table))
    };
    let links = Links {
        by_status: report.outcomes.clone(),
        by_rank: report.by_rank.clone(),
        without_rank: report.without_rank,
        by_group: Vec::new(),
    };
    let words = Words { id: "linked", rate: "linked", part: "Linked", class: "good" };
    let (providers, providers_all) = providers(&report.linked_by_provider);
    Page {
        style: include_str!("../page.css"),
        headline: headline(report),
        in_short: in_short(report),
        tiles: tiles(report),
        methods: &report.methods,
        method_words: method_words(&report.methods.method),
        settings: settings(&report.methods),
        sources: sources(report),
        rules: rules(&report.methods),
        levels: levels(&report.methods),
        statuses: figures::statuses(&links),
        ranks: (!links.by_rank.is_empty()).then(|| figures::ranks(&links)),
        weights: report.weights.as_ref().and_then(figures::weights),
        quality,
        quality_providers,
        usable: usable(report),
        expected: report.expected.as_ref().map(expected),
        fairness: fairness(&report.linked_by_group),
        groups: figures::shares_by_group(&words, &report.linked_by_group),
        providers,
        providers_all,
        signs: sign_words(report),
        measure: measure(&report.readmissions),
        truth: report.truth.as_ref().map(|truth| truth_words(report, truth)),
    }
}

/// A rate as a reader sees it.
fn of(rate: Rate) -> String {
    percent(rate.part, rate.whole)
}

fn interval(rate: Rate) -> String {
    match (rate.low, rate.high) {
        (Some(low), Some(high)) => format!("{} to {}", fine(low), fine(high)),
        _ => "–".to_owned(),
    }
}

/// An expected number, which need not be whole.
fn about(number: f64) -> String {
    if number >= 20.0 { count(number.round() as u64) } else { format!("{number:.1}") }
}

fn share(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), fine)
}

/// A rate whose bias is looked for: to a thousandth of a percent.
fn precise(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.3}%", share * 100.0))
}

/// A difference of shares in percentage points.
fn points(difference: Option<f64>) -> String {
    difference.map_or_else(|| "–".to_owned(), |difference| format!("{:+.3} points", difference * 100.0))
}

fn headline(report: &LinkageReport) -> String {
    if let Some(truth) = &report.truth {
        return format!("{} of records missed, {} of links false", of(truth.all.missed), of(truth.all.false_links));
    }
    format!("{} of hospital records linked", of(report.linked))
}

fn in_short(report: &LinkageReport) -> String {
    let mut text = format!(
        "Of {} hospital records, {} were linked to a person registered with a practice; {} are in doubt and wait for review.",
        count(report.linked.whole),
        count(report.linked.part),
        count(report.review.part),
    );
    if let Some(expected) = &report.expected {
        let words = format!(
            " By their own probabilities about {} links are false, and about {} records are missed.",
            about(expected.false_links),
            about(expected.missed)
        );
        text.push_str(&words);
    }
    if let Some(truth) = &report.truth {
        let words = format!(
            " Here the truth is known: {} links are false, and {} records are missed.",
            count(truth.all.false_links.part),
            count(truth.all.missed.part)
        );
        text.push_str(&words);
    }
    text
}

fn tiles(report: &LinkageReport) -> Vec<Tile> {
    let mut tiles = vec![
        Tile {
            value: of(report.linked),
            label: "linked to a registered person",
            note: format!("{} of {}", count(report.linked.part), count(report.linked.whole)),
        },
        Tile {
            value: count(report.review.part),
            label: "in review",
            note: format!("{} of records", of(report.review)),
        },
    ];
    if let Some(expected) = &report.expected {
        tiles.push(Tile {
            value: about(expected.false_links),
            label: "false links expected",
            note: format!("{} of links with a probability", share(expected.false_share)),
        });
        tiles.push(Tile {
            value: about(expected.missed),
            label: "missed records expected",
            note: format!("{} of records of registered people", share(expected.missed_share)),
        });
    }
    tiles.push(Tile {
        value: count(report.any_sign.records),
        label: "records with a sign of a false link",
        note: report.any_sign.explained.map_or_else(
            || "what cannot be true of one person".to_owned(),
            |rate| format!("{} of them with a person of two people's records", of(rate)),
        ),
    });
    tiles
}

fn sources(report: &LinkageReport) -> Table {
    let mut table = Table::new("What was linked", &["Source", "Records", "First month", "Last month"]);
    table.rows = report
        .sources
        .iter()
        .map(|one| {
            let month = |month: &Option<String>| month.clone().unwrap_or_else(|| "–".to_owned());
            vec![one.source.clone(), count(one.records), month(&one.first_month), month(&one.last_month)]
        })
        .collect();
    table
}

fn settings(methods: &Methods) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("Method", methods.method.clone()),
        (
            "Evidence",
            if methods.identifiers_only {
                "the four identifiers and nothing else".to_owned()
            } else {
                "the four identifiers, and a hospital's own number for a patient".to_owned()
            },
        ),
    ];
    let mut add = |name, value: Option<String>| settings.extend(value.map(|value| (name, value)));
    let probability = |value: Option<f64>| value.map(|value| format!("a probability of {value}"));
    add("Linked from", probability(methods.accept_probability));
    add("Ahead of the next candidate by", probability(methods.margin_probability));
    add("In review from", probability(methods.review_probability));
    add("Records of registered people, as learnt", methods.known_share.map(fine));
    add(
        "A wrong number and a wrong date of birth meet",
        methods.both_wrong.map(|times| format!("{times:.1} times as often as by chance")),
    );
    add(
        "Learning",
        methods.iterations.map(|passes| {
            let settled = if methods.converged == Some(true) { "settled" } else { "not settled" };
            format!("{settled} after {passes} passes")
        }),
    );
    let [registered, others] = methods.persons;
    add("Persons with a registration", Some(count(registered)));
    add("Persons known from hospitals alone", Some(count(others)));
    add("Settled at once", (methods.early_exits > 0).then(|| count(methods.early_exits)));
    add("Program", Some(format!("caredata {}", methods.version)));
    settings
}

fn rules(methods: &Methods) -> Option<Table> {
    let mut table = Table::new("Blocking rules", &["Rule", "Best candidates it was first to find", "Of these, linked"]);
    table.rows =
        methods.rules.iter().map(|rule| vec![rule.rule.clone(), count(rule.best), count(rule.linked)]).collect();
    (!table.rows.is_empty()).then_some(table)
}

fn levels(methods: &Methods) -> Option<Table> {
    let mut table =
        Table::new("How often true pairs agree, as learnt", &["Identifier", "Agreement", "Share of true pairs"]);
    let of_level = methods.levels.iter();
    table.rows = of_level.map(|level| vec![level.identifier.clone(), level.level.clone(), fine(level.share)]).collect();
    (!table.rows.is_empty()).then_some(table)
}

/// A row a group, a column an identifier.
fn usable(report: &LinkageReport) -> Option<Table> {
    let mut head = vec!["Group", "Records"];
    head.extend(FieldName::ALL.map(FieldName::words));
    let mut table = Table::new("Hospital records with a usable identifier, by group", &head);
    for of_group in report.usable.chunk_by(|one, next| one.dimension == next.dimension && one.group == next.group) {
        let first = of_group.first()?;
        let mut row = vec![in_dimension(first.dimension, &first.group), count(first.rate.whole)];
        for field in FieldName::ALL {
            let found = of_group.iter().find(|one| one.field == field);
            row.push(found.map_or_else(|| "–".to_owned(), |one| of(one.rate)));
        }
        table.rows.push(row);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// The people of a group.
fn people(dimension: Dimension, group: &str) -> String {
    match dimension {
        Dimension::Ethnicity => format!("people noted as {group}"),
        Dimension::Age | Dimension::Deprivation | Dimension::Sex => {
            format!("people {}", in_dimension(dimension, group))
        }
    }
}

/// A group with the word that says what it is a group of, where the name alone does not.
fn in_dimension(dimension: Dimension, group: &str) -> String {
    use Dimension::{Age, Deprivation, Ethnicity, Sex};
    match dimension {
        Age => format!("aged {group}"),
        Deprivation => format!("in deprivation tenth {group}"),
        Ethnicity => group.to_owned(),
        Sex => format!("of sex {group}"),
    }
}

fn expected(expected: &ExpectedErrors) -> ErrorWords {
    ErrorWords {
        heading: format!(
            "About {} false links and {} missed records are to be expected",
            about(expected.false_links),
            about(expected.missed)
        ),
        false_links: about(expected.false_links),
        false_share: share(expected.false_share),
        linked: count(expected.linked),
        missed: about(expected.missed),
        missed_share: share(expected.missed_share),
        doubtful: about(expected.doubtful),
    }
}

/// The groups that linked least and most, of all ways of dividing people.
fn fairness(groups: &[GroupShare]) -> String {
    let known = groups.iter().filter(|one| one.rate.whole >= HEADLINE_RECORDS && !one.group.starts_with("not "));
    let mut known: Vec<&GroupShare> = known.collect();
    known.sort_by(|one, other| one.rate.share.unwrap_or(1.0).total_cmp(&other.rate.share.unwrap_or(1.0)));
    match (known.first(), known.last()) {
        (Some(least), Some(most)) if known.len() > 1 => format!(
            "Match rates run from {} ({}) to {} ({})",
            of(least.rate),
            in_dimension(least.dimension, &least.group),
            of(most.rate),
            in_dimension(most.dimension, &most.group),
        ),
        _ => "Match rates by group".to_owned(),
    }
}

/// The providers that linked least; and all of them, where that is more.
fn providers(providers: &[ProviderShare]) -> (Table, Option<Table>) {
    let mut sorted: Vec<&ProviderShare> = providers.iter().collect();
    sorted.sort_by(|one, other| {
        let by_share = one.rate.share.unwrap_or(1.0).total_cmp(&other.rate.share.unwrap_or(1.0));
        by_share.then_with(|| (&one.source, &one.provider).cmp(&(&other.source, &other.provider)))
    });
    let table = |caption: &str, listed: &[&ProviderShare]| {
        let mut table = Table::new(caption, &["Provider", "Source", "Records", "Linked", "Rate", "95% interval"]);
        table.rows = listed
            .iter()
            .map(|one| {
                let numbers = [count(one.rate.whole), count(one.rate.part), of(one.rate), interval(one.rate)];
                [one.provider.clone(), one.source.clone()].into_iter().chain(numbers).collect()
            })
            .collect();
        table
    };
    if sorted.len() <= LISTED {
        return (table("Linked by provider, the lowest rate first", &sorted), None);
    }
    let lowest = format!("The {LISTED} of {} providers with the lowest rates", sorted.len());
    (table(&lowest, &sorted[..LISTED]), Some(table("Linked by provider", &sorted)))
}

fn sign_words(report: &LinkageReport) -> SignWords {
    let records = report.any_sign.records;
    let mut heading = match records {
        0 => "No record says what cannot be true of its person".to_owned(),
        1 => "One record says what cannot be true of its person".to_owned(),
        more => format!("{} records say what cannot be true of one person", count(more)),
    };
    if let Some(explained) = report.any_sign.explained.filter(|rate| rate.whole > 0) {
        let words = format!("; {} of them point to a false link", of(explained));
        heading.push_str(&words);
    }
    let known = report.any_sign.found.map(|found| {
        format!(
            "Of all {} false links, {} ({}) lie with a person who bears a sign: the rest cannot be seen this way.",
            count(found.whole),
            count(found.part),
            of(found)
        )
    });
    SignWords { heading, figure: signs(&report.signs), known }
}

fn measure(measure: &Readmissions) -> MeasureWords {
    let linked = precise(measure.rate.share);
    let heading = match &measure.truth {
        Some(truth) => format!("Emergency readmission: {linked} by the links, {} in truth", precise(truth.rate.share)),
        None => match (measure.low, measure.high) {
            (Some(low), Some(high)) => {
                format!(
                    "Emergency readmission: {linked}, and likely between {} and {}",
                    precise(Some(low)),
                    precise(Some(high))
                )
            }
            _ => format!("Emergency readmission: {linked} by the links"),
        },
    };
    let expected = measure.expected_false.zip(measure.expected_missed).map(|(wrong, missed)| {
        format!(
            "By the probabilities of the links, about {} of these readmissions join two people's stays, and at least {} more \
             were not seen since a record was too doubtful to be linked: with both mended the rate is {}. It is hardly below {}, \
             which it is without the false; nor above {}, which it would be if all records expected to be missed were missed \
             each apart from its person's others.",
            about(wrong),
            about(missed),
            precise(measure.mended),
            precise(measure.low),
            precise(measure.high),
        )
    });
    let words = Words { id: "readmitted", rate: "readmitted", part: "Readmitted", class: "good" };
    MeasureWords {
        heading,
        rate: linked,
        of: format!("{} of {} stays", count(measure.rate.part), count(measure.rate.whole)),
        expected,
        truth: measure.truth.as_ref().map(measure_truth),
        groups: figures::shares_by_group(&words, &measure.by_group),
        bias: measure.truth.as_ref().map(bias),
    }
}

fn measure_truth(truth: &ReadmissionTruth) -> String {
    format!(
        "In truth it is {} ({} of {} stays). The links are off by {}: they miss {} true readmissions and make up {}.",
        precise(truth.rate.share),
        count(truth.rate.part),
        count(truth.rate.whole),
        points(truth.bias),
        count(truth.missed_readmissions),
        count(truth.false_readmissions)
    )
}

fn bias(truth: &ReadmissionTruth) -> Table {
    let mut table = Table::new(
        "Readmission by group: links against truth",
        &["Group", "Stays", "By the links", "In truth", "Bias"],
    );
    table.rows = truth
        .groups
        .iter()
        .map(|one| {
            let name = in_dimension(one.dimension, &one.group);
            vec![name, count(one.truth.whole), precise(one.linked.share), precise(one.truth.share), points(one.bias)]
        })
        .collect();
    table
}

fn truth_words(report: &LinkageReport, truth: &AgainstTruth) -> TruthWords {
    let error = |id, rate, part, which: fn(&super::data::Measured) -> Rate| {
        let groups = truth.groups.iter();
        let shares: Vec<GroupShare> = groups
            .map(|one| GroupShare { dimension: one.dimension, group: one.group.clone(), rate: which(&one.measured) })
            .collect();
        figures::shares_by_group(&Words { id, rate, part, class: "bad" }, &shares)
    };
    TruthWords {
        heading: worst(truth),
        tiles: truth_tiles(truth),
        missed: error("missed", "missed", "Missed", |measured| measured.missed),
        wrong: error("false", "false", "False", |measured| measured.false_links),
        by_group: by_group(truth),
        ratios: ratios(truth),
        calibration: report
            .expected
            .as_ref()
            .filter(|_| !truth.calibration.is_empty())
            .map(|expected| calibration(expected, truth)),
    }
}

/// Who is missed most often, if chance does not explain it.
fn worst(truth: &AgainstTruth) -> String {
    let beyond_chance = truth.ratios.iter().filter(|one| one.error == "missed" && one.low > Some(1.0));
    let most = beyond_chance.max_by(|one, other| one.ratio.unwrap_or(0.0).total_cmp(&other.ratio.unwrap_or(0.0)));
    let Some((most, ratio)) = most.and_then(|most| Some((most, most.ratio?))) else {
        return "No group is missed more often than chance explains".to_owned();
    };
    let (worst, best) = (people(most.dimension, &most.worst), people(most.dimension, &most.best));
    format!("Missed most often: {worst}, {ratio:.1} times as often as {best}")
}

fn truth_tiles(truth: &AgainstTruth) -> Vec<Tile> {
    let all = &truth.all;
    let numbers = |rate: Rate| format!("{} of {}", count(rate.part), count(rate.whole));
    vec![
        Tile {
            value: of(all.missed),
            label: "missed",
            note: format!("{}; interval {}", numbers(all.missed), interval(all.missed)),
        },
        Tile {
            value: of(all.false_links),
            label: "false",
            note: format!("{}; interval {}", numbers(all.false_links), interval(all.false_links)),
        },
        Tile {
            value: share(all.f1),
            label: "F1",
            note: format!("precision {}, recall {}", share(all.precision), share(all.recall)),
        },
        Tile {
            value: of(truth.registered_twice),
            label: "of people at two practices joined",
            note: numbers(truth.registered_twice),
        },
        Tile {
            value: of(truth.pairs_without_registration),
            label: "of pairs of records of people with no practice joined",
            note: numbers(truth.pairs_without_registration),
        },
    ]
}

fn by_group(truth: &AgainstTruth) -> Table {
    let head = ["Group", "Records", "Missed", "95% interval", "False", "95% interval", "Precision", "Recall", "F1"];
    let mut table = Table::new("Missed and false by group", &head);
    table.rows = truth
        .groups
        .iter()
        .map(|one| {
            let measured = &one.measured;
            let name = in_dimension(one.dimension, &one.group);
            let mut row = vec![name, count(measured.records), of(measured.missed), interval(measured.missed)];
            row.extend([of(measured.false_links), interval(measured.false_links)]);
            row.extend([measured.precision, measured.recall, measured.f1].map(share));
            row
        })
        .collect();
    table
}

fn ratios(truth: &AgainstTruth) -> Option<Table> {
    let mut table = Table::new(
        "The worst group against the best, of groups with 10,000 records and more",
        &["Divided by", "Error", "Worst", "Best", "Ratio", "95% interval"],
    );
    table.rows = truth
        .ratios
        .iter()
        .map(|one| {
            let ratio = one.ratio.map_or_else(|| "–".to_owned(), |r| format!("{r:.2}"));
            let interval = match (one.low, one.high) {
                (Some(low), Some(high)) => format!("{low:.2} to {high:.2}"),
                _ => "–".to_owned(),
            };
            let names = [one.dimension.words(), &one.error, &one.worst, &one.best].map(str::to_owned);
            names.into_iter().chain([ratio, interval]).collect()
        })
        .collect();
    (!table.rows.is_empty()).then_some(table)
}

fn calibration(expected: &ExpectedErrors, truth: &AgainstTruth) -> CalibrationWords {
    CalibrationWords {
        heading: format!(
            "The probabilities expected {} false links; {} were",
            about(expected.false_links),
            count(truth.all.false_links.part)
        ),
        said: format!(
            "They expected {} missed records; {} were. Of these, {} were expected to be of a best candidate too doubtful to be \
             linked, and {} were; the rest went to another person, or have a right person whom no rule found or who was not \
             the best candidate.",
            about(expected.missed),
            count(truth.all.missed.part),
            about(expected.doubtful),
            count(truth.candidate_was_right),
        ),
        figure: reliability(&truth.calibration),
    }
}
