//! The preview of a package: a page, complete in itself and without scripts, of exactly what leaves the practice.
//!
//! It stays at the practice; still it shows columns, counts and codes only, nothing of any one patient.

use super::select::{JOURNALS_HEADER, PATIENTS_HEADER};
use super::write::Building;
use super::{Manifest, Window};
use std::fmt::Write as _;

/// The most frequent codes that are listed one by one.
const CODES_LISTED: usize = 200;

/// The page of a package.
pub(super) fn preview(manifest: &Manifest, building: &Building, sample: bool) -> String {
    let mut page = String::with_capacity(16 << 10);
    let title = format!("What leaves practice {} for {}", escape(&manifest.practice), escape(&manifest.period));
    let window = match manifest.window {
        Window::All => "the whole history up to the end of the period".to_owned(),
        Window::Months(months) => format!("the last {months} months up to the end of the period"),
    };
    page.push_str(HEAD);
    section(&mut page, &[format!("<title>{title}</title></head><body><main><h1>{title}</h1>")]);
    section(&mut page, &[
        "<p>This page stays at the practice. It shows what is in the package beside it: columns, counts and codes; \
         nothing of any one patient.</p>"
            .to_owned(),
        "<p class=\"plain\">The package is plain, not encrypted: for preview and tests.</p>".to_owned(),
        format!("<p>Entries sent: {window}.</p>"),
    ]);
    counts(&mut page, manifest);
    withheld(&mut page, manifest, sample);
    columns(&mut page, "patients.csv", manifest.patients, PATIENTS_HEADER);
    columns(&mut page, "journals.csv", manifest.entries, JOURNALS_HEADER);
    columns(&mut page, "stopped.csv", manifest.stopped, "token");
    codes(&mut page, building);
    page.push_str("</main></body></html>\n");
    page
}

const HEAD: &str = "<!doctype html><html lang=\"en-GB\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\">\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"><style>\
body{font:1rem/1.5 system-ui,sans-serif;margin:0;color:#1b2733;background:#fff}main{max-width:60rem;margin:auto;padding:1rem}\
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}table{border-collapse:collapse}td,th{text-align:left;\
padding:.25rem 1rem .25rem 0;border-bottom:1px solid #d5dce3}td.n{text-align:right;font-variant-numeric:tabular-nums}\
.plain{border-left:.3rem solid #b35900;padding-left:.7rem}</style>\n";

fn section(page: &mut String, parts: &[String]) {
    for part in parts {
        page.push_str(part);
        page.push('\n');
    }
}

fn table(page: &mut String, heading: &str, head: [&str; 2], rows: impl IntoIterator<Item = (String, u64)>) {
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<h2>{heading}</h2><table><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
        head[0], head[1]
    );
    for (name, count) in rows {
        let _ = write!(page, "<tr><td>{}</td><td class=\"n\">{count}</td></tr>", escape(&name));
    }
    page.push_str("</tbody></table>\n");
}

fn counts(page: &mut String, manifest: &Manifest) {
    let rows = [
        ("patients", manifest.patients),
        ("journal entries", manifest.entries),
        ("tokens of patients whose sending has ended because they object", manifest.stopped),
        ("objections to leaving the practice (number only)", manifest.wishes.object_gp),
        ("withdrawals of these (number only)", manifest.wishes.withdraw_gp),
    ];
    table(page, "What leaves", ["What", "Number"], rows.map(|(name, count)| (name.to_owned(), count)));
}

fn withheld(page: &mut String, manifest: &Manifest, sample: bool) {
    let counts = &manifest.withheld;
    let mut rows = vec![
        ("patients who object".to_owned(), manifest.wishes.patients_withheld),
        ("entries of patients who object".to_owned(), counts.entries_of_objectors),
        ("entries that note such a wish".to_owned(), counts.entries_of_objection_codes),
        ("entries outside the months sent".to_owned(), counts.entries_outside_window),
        ("entries of nobody in the patients file".to_owned(), counts.entries_without_patient),
        ("rows that could not be read".to_owned(), counts.rows_refused),
    ];
    rows.extend(counts.sensitive_entries.iter().map(|(subject, count)| (format!("sensitive: {subject}"), *count)));
    table(page, "What stays", ["What", "Number"], rows);
    if sample {
        page.push_str(
            "<p>The list of sensitive codes is a sample, not the agreed list: replace it before use in earnest.</p>\n",
        );
    }
}

fn columns(page: &mut String, file: &str, rows: u64, header: &str) {
    let _ = write!(page, "<h2>{file}</h2><p>{rows} rows with the columns:</p><ul>");
    for column in header.trim_end().split(',') {
        let _ = write!(page, "<li><code>{column}</code></li>");
    }
    page.push_str("</ul>\n");
}

fn codes(page: &mut String, building: &Building) {
    let mut codes: Vec<_> = building.codes.iter().collect();
    codes.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let listed = codes.iter().take(CODES_LISTED).map(|((system, code), count)| (format!("{system} {code}"), **count));
    table(page, "Codes in the journal entries", ["Code", "Entries"], listed);
    if let Some(more) = codes.len().checked_sub(CODES_LISTED).filter(|&more| more > 0) {
        let entries: u64 = codes[CODES_LISTED..].iter().map(|(_, count)| **count).sum();
        let _ = writeln!(page, "<p>and {more} other codes with {entries} entries.</p>");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
