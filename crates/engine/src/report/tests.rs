//! The page as a whole: nothing from outside, the report's own numbers, nothing of real people that may not be shown.

use super::*;

const SAMPLE: &str = include_str!("../../tests/data/sample-report.json");

fn sample() -> RunReport {
    serde_json::from_str(SAMPLE).expect("the sample is a report")
}

fn real() -> RunReport {
    RunReport { population: Population::Real, ..sample() }
}

#[test]
fn the_page_needs_nothing_else() {
    let page = render(&sample());
    for outside in ["http:", "https:", "src=", "url(", "@import", "<script", "<link", "<iframe", "<img", "javascript:"]
    {
        assert!(!page.contains(outside), "{outside}");
    }
    let anchors = page.matches("href=").count();
    assert_eq!(anchors, page.matches("href=\"#").count(), "a link leads out of the page");
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_numbers_shown_are_the_reports() {
    let (report, page) = (sample(), render(&sample()));
    for source in &report.sources {
        let row = format!(
            "<th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>yes</td><td>{}</td><td>{}</td>",
            source.source,
            numbers::count(source.rows_in),
            numbers::count(source.admitted),
            numbers::count(source.withheld_rows()),
            numbers::count(source.quarantined_rows()),
            numbers::count(source.withheld_by_person_rows()),
            numbers::count(source.published_rows()),
        );
        assert!(page.contains(&row), "{row}");
    }
    for group in &report.links.by_group {
        let row = format!(
            "<th scope=\"row\">{}</th><td>{}</td><td>{}</td>",
            group.group,
            numbers::count(group.records),
            numbers::count(group.linked)
        );
        assert!(page.contains(&row), "{row}");
    }
    for rank in &report.links.by_rank {
        assert!(page.contains(&numbers::count(rank.records)), "rank {}", rank.rank);
    }
    let truth = report.truth.expect("the sample knows the truth");
    let (missed, records) = (numbers::count(truth.missed), numbers::count(truth.records));
    assert!(page.contains(&format!("{missed} of {records} records of registered people")));
    let (wrong, linked) = (numbers::count(truth.false_links), numbers::count(truth.linked));
    assert!(page.contains(&format!("{wrong} of {linked} links went to another person")));
}

#[test]
fn the_sums_shown_are_the_sums() {
    let (report, page) = (sample(), render(&sample()));
    let total = |rows: fn(&SourceCounts) -> u64| numbers::count(report.sources.iter().map(rows).sum());
    let row = format!(
        "<th scope=\"row\">All</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>yes</td>",
        total(|source| source.rows_in),
        total(|source| source.admitted),
        total(SourceCounts::withheld_rows),
        total(SourceCounts::quarantined_rows),
    );
    assert!(page.contains(&row), "{row}");
    assert!(!page.contains("role=\"alert\""));
}

#[test]
fn a_sum_that_does_not_hold_is_cried_out() {
    let mut report = sample();
    report.sources[0].admitted += 1;
    let page = render(&report);
    assert!(page.contains("role=\"alert\"") && page.contains("<td>NO</td>"));
    assert!(!page.contains("holds for every source"));
}

#[test]
fn every_text_is_escaped() {
    let nasty = "<script>alert('&\"')</script>";
    let mut report = sample();
    report.run.id = nasty.to_owned();
    report.run.period = nasty.to_owned();
    report.run.method = nasty.to_owned();
    report.sources[0].source = nasty.to_owned();
    report.sources[0].table = nasty.to_owned();
    report.sources[0].ignored_columns = vec![nasty.to_owned()];
    report.sources[0].withheld[0].what = nasty.to_owned();
    report.quality[0].provider = nasty.to_owned();
    report.links.by_status[0].source = nasty.to_owned();
    report.links.by_group[0].group = nasty.to_owned();
    report.tables[0].table = nasty.to_owned();
    report.timelines[0].who = nasty.to_owned();
    report.timelines[0].note = nasty.to_owned();
    report.timelines[0].events[0].label = nasty.to_owned();
    report.timelines[0].events[0].table = nasty.to_owned();
    report.stages[0].name = nasty.to_owned();
    report.settings[0].value = nasty.to_owned();
    let page = render(&report);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
}

#[test]
fn of_real_people_nobody_and_no_truth_is_shown() {
    let page = render(&real());
    for (part, words) in [("lives", "A woman of 71"), ("truth", "Against the truth"), ("badge", "invented people")] {
        assert!(!page.contains(words), "{part}");
        assert!(render(&sample()).contains(words), "{part}: the test looks for words that the page has");
    }
}

#[test]
fn of_real_people_small_numbers_are_hidden_and_of_invented_ones_not() {
    let mut report = real();
    report.links.by_group = [("few", 1_913, 1_906), ("some", 1_704, 1_605), ("many", 9_911, 9_302)]
        .map(|(group, records, linked)| GroupRate {
            dimension: Dimension::Sex,
            group: group.to_owned(),
            records,
            linked,
        })
        .to_vec();
    report.quality = [("X1", 4), ("X2", 30), ("X3", 40)]
        .map(|(provider, missing)| DataQuality {
            source: "apc".to_owned(),
            provider: provider.to_owned(),
            field: FieldName::Postcode,
            rows: 7_717,
            missing,
            defective: 0,
        })
        .to_vec();
    let page = render(&report);
    // 7 of `few` did not link; `some` would give it away.
    for hidden in ["1,906", "1,913", "1,605", "1,704"] {
        assert!(!page.contains(hidden), "{hidden}");
    }
    assert!(page.contains("9,302"));
    let stars = "<td>*</td><td>*</td><td>*</td><td>*</td>";
    assert_eq!(page.matches(stars).count(), 4, "two groups and two providers");
    assert!(!page.contains("4 of 7,717") && page.contains("40 of 7,717"));

    let page = render(&RunReport { population: Population::Synthetic, ..report });
    assert!(page.contains("1,906") && page.contains("4 of 7,717") && !page.contains(stars));
}

#[test]
fn a_source_with_one_provider_hides_its_small_sums() {
    let mut report = real();
    report.quality.retain(|one| one.field == FieldName::NhsNumber && one.source == "apc");
    report.quality.truncate(1);
    (report.quality[0].rows, report.quality[0].missing, report.quality[0].defective) = (7_717, 6, 311);
    let row = "<td>7,717</td><td>*</td><td>*</td><td>311</td>";
    assert!(render(&report).contains(row));
    assert!(render(&RunReport { population: Population::Synthetic, ..report }).contains("<td>7,717</td><td>6</td>"));
}

#[test]
fn a_nation_of_practices_still_makes_a_small_page() {
    let mut report = sample();
    let practice = report.quality[0].clone();
    report.quality = (0..6_500)
        .map(|number| DataQuality { provider: format!("P{number:05}"), missing: number % 40, ..practice.clone() })
        .collect();
    let page = render(&report);
    assert!(page.len() < 300_000, "{} bytes", page.len());
    assert!(page.contains(" providers at about "));
}

#[test]
fn every_picture_has_a_title_a_description_and_its_numbers() {
    let page = render(&sample());
    let pictures = page.matches("<svg role=\"img\"").count();
    assert!(pictures >= 17, "{pictures}");
    assert_eq!(page.matches("<desc id=").count(), pictures);
    assert_eq!(page.matches("<figure>").count(), pictures);
    assert_eq!(page.matches("The same in numbers").count(), pictures);
    assert!(!page.contains("NaN") && !page.contains("inf\""));
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "two elements of one id");
}

#[test]
fn an_empty_run_has_a_page_too() {
    let page = render(&RunReport::default());
    assert!(page.contains("No row was withheld") && !page.contains("NaN"));
}

#[test]
fn a_report_is_kept_and_read_back() {
    let kept = serde_json::to_string(&sample()).expect("a report is plain data");
    let read: RunReport = serde_json::from_str(&kept).expect("and comes back");
    assert_eq!(read, sample());
    let bare: RunReport = serde_json::from_str("{}").expect("what is absent is empty");
    assert_eq!(bare.population, Population::Real, "people are real unless somebody says otherwise");
}
