//! The page as a whole: nothing from outside, the report's own numbers, every text escaped.

use super::*;
use crate::report::{DataQuality, Dimension, FieldName, StatusCount};
use caredata_link::Quality;

fn measured(events: u64, missed: u64, false_links: u64) -> Measured {
    Measured::of(&Quality { events, of_registered: events - 7, missed, linked: events - 9, false_links })
}

fn of_group(dimension: Dimension, group: &str, events: u64, missed: u64, false_links: u64) -> GroupMeasured {
    GroupMeasured { dimension, group: group.to_owned(), measured: measured(events, missed, false_links) }
}

fn sample() -> LinkageReport {
    let share = |dimension, group: &str, part, whole| GroupShare {
        dimension,
        group: group.to_owned(),
        rate: Rate::of(part, whole),
    };
    let groups = vec![
        of_group(Dimension::Age, "under 1", 12_011, 97, 3),
        of_group(Dimension::Age, "65 to 84", 31_012, 13, 1),
        of_group(Dimension::Age, "not known", 44, 2, 0),
    ];
    let own: Vec<&GroupMeasured> = groups.iter().collect();
    let ratios = RatioOfGroups::of(&own, "missed", |measured| measured.missed).into_iter().collect();
    let bin = |from, to, said, right, events| CalibrationBin { from, to, said, right: Rate::of(right, events) };
    LinkageReport {
        methods: Methods { version: "9.9.9".to_owned(), method: "probabilistic".to_owned(), ..Methods::default() },
        quality: vec![DataQuality {
            source: "apc".to_owned(),
            provider: "RX1".to_owned(),
            field: FieldName::NhsNumber,
            rows: 43_067,
            missing: 811,
            defective: 12,
        }],
        outcomes: vec![StatusCount { source: "apc".to_owned(), linked: 41_117, new: 1_899, review: 51 }],
        linked: Rate::of(41_117, 43_067),
        linked_by_group: vec![
            share(Dimension::Age, "under 1", 11_003, 12_011),
            share(Dimension::Age, "65 to 84", 30_008, 31_012),
        ],
        linked_by_provider: vec![ProviderShare {
            source: "apc".to_owned(),
            provider: "RX1".to_owned(),
            rate: Rate::of(41_117, 43_067),
        }],
        review: Rate::of(51, 43_067),
        expected: Some(ExpectedErrors {
            linked: 41_117,
            false_links: 4.26,
            false_share: Some(4.26 / 41_117.0),
            missed: 98.7,
            missed_share: Some(0.0023),
            doubtful: 33.4,
        }),
        signs: SignKind::ALL
            .map(|kind| Sign {
                kind,
                persons: 3,
                records: SignTruth { records: 6, explained: Some(Rate::of(4, 6)), found: Some(Rate::of(1, 4)) },
            })
            .to_vec(),
        any_sign: SignTruth { records: 23, explained: Some(Rate::of(9, 23)), found: Some(Rate::of(2, 4)) },
        readmissions: Readmissions {
            rate: Rate::of(3_111, 29_019),
            expected_false: Some(1.2),
            expected_missed: Some(17.8),
            low: Some(0.1071),
            mended: Some(0.1078),
            high: Some(0.1079),
            truth: Some(ReadmissionTruth { rate: Rate::of(3_140, 29_002), ..ReadmissionTruth::default() }),
            ..Readmissions::default()
        },
        truth: Some(AgainstTruth {
            all: measured(43_067, 112, 4),
            groups,
            ratios,
            registered_twice: Rate::of(17, 19),
            pairs_without_registration: Rate::of(203, 211),
            calibration: vec![
                bin(0.0, 0.1, Some(0.002), 1, 901),
                bin(0.1, 0.2, None, 0, 0),
                bin(0.999, 1.0, Some(0.9999), 40_001, 40_004),
            ],
            candidate_was_right: 37,
        }),
        ..LinkageReport::default()
    }
}

#[test]
fn the_page_needs_nothing_else() {
    let page = render(&sample());
    for outside in ["http:", "https:", "src=", "url(", "@import", "<script", "<link", "<iframe", "<img", "javascript:"]
    {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("href=").count(), page.matches("href=\"#").count(), "a link leads out of the page");
    assert!(page.contains("default-src 'none'") && !page.contains("NaN") && !page.contains("inf\""));
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "two elements of one id");
    for anchor in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.contains(&anchor), "#{anchor} leads nowhere");
    }
}

#[test]
fn the_numbers_shown_are_the_reports() {
    let page = render(&sample());
    for number in [
        "41,117 of 43,067",
        "112 of 43,060",
        "4 of 43,058",
        "17 of 19",
        "203 of 211",
        "3,111 of 29,019",
        "3,140 of 29,002",
        "about 4.3 links are false",
        "about 99 records are missed",
        "23 records say",
        "33 were expected",
        "37 were;",
        "0.999 to 1",
        "40,001",
        "9.9.9",
    ] {
        assert!(page.contains(number), "{number}");
    }
    // 97 of 12,004 against 13 of 31,005; the group of 44 records is not compared.
    assert!(page.contains("Missed most often: people aged under 1, 19.3 times as often as people aged 65 to 84"));
}

#[test]
fn headings_do_without_a_truth_and_without_probabilities() {
    let without = LinkageReport { truth: None, ..sample() };
    let page = render(&without);
    assert!(page.contains("<h1>95.5% of hospital records linked</h1>"));
    assert!(!page.contains("Against the truth") && !page.contains("Are probabilities kept?"));
    let page = render(&LinkageReport { expected: None, ..without });
    assert!(!page.contains("errors-part") && page.contains("signs-part"));
}

#[test]
fn every_text_is_escaped() {
    let nasty = "<script>alert('&\"')</script>";
    let mut report = sample();
    report.methods.method = nasty.to_owned();
    report.methods.version = nasty.to_owned();
    report.quality[0].provider = nasty.to_owned();
    report.outcomes[0].source = nasty.to_owned();
    report.linked_by_group[0].group = nasty.to_owned();
    report.linked_by_provider[0].provider = nasty.to_owned();
    if let Some(truth) = &mut report.truth {
        truth.groups[0].group = nasty.to_owned();
        truth.ratios[0].worst = nasty.to_owned();
    }
    let page = render(&report);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
}

#[test]
fn an_empty_report_has_a_page_too() {
    let page = render(&LinkageReport::default());
    assert!(page.contains("No record says what cannot be true") && !page.contains("NaN"));
}

#[test]
fn a_report_is_kept_and_read_back() {
    let kept = serde_json::to_string(&sample()).expect("a report is plain data");
    let read: LinkageReport = serde_json::from_str(&kept).expect("and comes back");
    assert_eq!(render(&read), render(&sample()), "the page can be made again from what was kept");
    assert!(kept.contains("\"kind\":\"two_places\"") && kept.contains("\"persons\":3,\"records\":6"));
}
