//! The evidence on one record as a picture: a waterfall of bits for the likeliest person, and one for the runner-up.
//!
//! [`EventExplained`] -> one SVG file that stands alone. Blue speaks for, orange against, and every bar bears its sign, so that no
//! colour has to be told from another. Invariant: nothing is drawn that the explanation in words does not say.

use super::explain::{CandidateExplained, EventExplained, probable};
use crate::report::svg::{Align, Picture, at, size};

const WIDTH: f64 = 960.0;
const ROW: f64 = 34.0;
const TOP: f64 = 84.0;
/// Left and right ends of the bars.
const BARS: [f64; 2] = [420.0, 870.0];

const STYLE: &str = "\
text{font:15px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1c2430}\
.back{fill:#fff}.head{font-size:19px;font-weight:600}.who{font-size:16px;font-weight:600}.soft{fill:#566070}\
.number{font-variant-numeric:tabular-nums}.for{fill:#1f6f8b}.against{fill:#c8700f}.chance{fill:#b3b1a8}.sum{fill:#3d4651}\
.zero{stroke:#1c2430;stroke-width:1.5}.step{stroke:#566070;stroke-width:1;stroke-dasharray:2 3}";

/// Draws the evidence.
pub fn draw(explained: &EventExplained) -> String {
    let candidates: Vec<(&str, &CandidateExplained)> =
        [("likeliest", &explained.best), ("runner-up", &explained.runner_up)]
            .into_iter()
            .filter_map(|(rank, candidate)| candidate.as_ref().map(|candidate| (rank, candidate)))
            .collect();
    let height = candidates.iter().map(|(_, candidate)| block_height(candidate)).sum::<f64>() + TOP + 30.0;
    let mut picture = Picture::new(size(WIDTH, height));
    picture.rect("back", at(0.0, 0.0), size(WIDTH, height), "");
    picture.text("head", at(24.0, 36.0), Align::Left, &format!("{}: {}", explained.record, short(&explained.verdict)));
    let none = format!("None of them: probability {}", probable(explained.none_probability));
    picture.text("soft", at(24.0, 60.0), Align::Left, &none);
    let scale = Scale::of(explained, &candidates);
    let mut top = TOP;
    for (rank, candidate) in &candidates {
        block(&mut picture, explained, rank, candidate, scale, top);
        top += block_height(candidate);
    }
    let described: Vec<String> =
        candidates.iter().map(|(rank, candidate)| described(explained, rank, candidate)).collect();
    let title = format!("The evidence on {}, bit by bit", explained.record);
    picture.finish_alone("evidence", &title, &format!("{}. {}. {none}.", explained.verdict, described.join(" ")), STYLE)
}

/// The verdict up to its first reason: a heading has one line.
fn short(verdict: &str) -> &str {
    verdict.split(": ").next().unwrap_or(verdict)
}

fn block_height(candidate: &CandidateExplained) -> f64 {
    ROW * (candidate.evidence.len() as f64 + 3.0) + 24.0
}

/// Bits to places.
#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(explained: &EventExplained, candidates: &[(&str, &CandidateExplained)]) -> Self {
        let mut scale = Self { low: -f64::from(explained.prior_bits), high: 0.0 };
        for (_, candidate) in candidates {
            let mut sum = -f64::from(explained.prior_bits);
            for part in &candidate.evidence {
                sum += f64::from(part.bits);
                scale = Self { low: scale.low.min(sum), high: scale.high.max(sum) };
            }
        }
        scale
    }

    fn x(self, bits: f64) -> f64 {
        let [left, right] = BARS;
        left + (bits - self.low) / (self.high - self.low).max(1.0) * (right - left)
    }
}

struct Step<'a> {
    class: &'a str,
    label: String,
    from: f64,
    to: f64,
}

fn steps<'a>(explained: &EventExplained, candidate: &CandidateExplained) -> Vec<Step<'a>> {
    let prior = -f64::from(explained.prior_bits);
    let mut steps = vec![Step { class: "chance", label: "chance: one person of all".to_owned(), from: 0.0, to: prior }];
    let mut sum = prior;
    for part in &candidate.evidence {
        let to = sum + f64::from(part.bits);
        let class = if part.bits < 0.0 { "against" } else { "for" };
        steps.push(Step { class, label: format!("{}: {}", part.field, part.agreement), from: sum, to });
        sum = to;
    }
    steps.push(Step { class: "sum", label: "sum".to_owned(), from: 0.0, to: sum });
    steps
}

fn block(
    picture: &mut Picture,
    explained: &EventExplained,
    rank: &str,
    candidate: &CandidateExplained,
    scale: Scale,
    top: f64,
) {
    let who = format!("{rank}: {}, probability {}", candidate.person, probable(candidate.probability));
    picture.text("who", at(24.0, top + 22.0), Align::Left, &who);
    let steps = steps(explained, candidate);
    let zero = scale.x(0.0);
    let bottom = top + ROW * (steps.len() as f64 + 1.0);
    for (row, step) in (1..).zip(&steps) {
        let y = top + ROW * f64::from(row);
        let bits = if step.class == "sum" { step.to } else { step.to - step.from };
        let (left, right) = (scale.x(step.from.min(step.to)), scale.x(step.from.max(step.to)));
        picture.text("label", at(24.0, y + 18.0), Align::Left, &step.label);
        let tip = format!("{}: {} bits", step.label, signed(bits));
        picture.rect(step.class, at(left, y + 3.0), size((right - left).max(1.5), ROW - 12.0), &tip);
        picture.text("number", at(WIDTH - 24.0, y + 18.0), Align::Right, &signed(bits));
        if step.class != "sum" {
            picture.line("step", at(scale.x(step.to), y + ROW - 9.0), at(scale.x(step.to), y + ROW + 3.0));
        }
    }
    picture.line("zero", at(zero, top + ROW), at(zero, bottom));
    let [left, right] = BARS;
    let align = match (zero - left) / (right - left) {
        share if share < 0.3 => Align::Left,
        share if share > 0.7 => Align::Right,
        _ => Align::Middle,
    };
    picture.text("soft", at(zero, bottom + 16.0), align, "0: here evidence makes up for chance");
}

fn described(explained: &EventExplained, rank: &str, candidate: &CandidateExplained) -> String {
    let parts: Vec<String> = steps(explained, candidate)
        .iter()
        .map(|step| {
            let bits = if step.class == "sum" { step.to } else { step.to - step.from };
            format!("{} {} bits", step.label, signed(bits))
        })
        .collect();
    let probability = probable(candidate.probability);
    format!("The {rank}, {}: {}; probability {probability}.", candidate.person, parts.join("; "))
}

/// Bits with their sign; the minus is a minus, and nought has none.
pub fn signed(bits: f64) -> String {
    let sign = if bits.abs() < 0.05 {
        ""
    } else if bits < 0.0 {
        "\u{2212}"
    } else {
        "+"
    };
    format!("{sign}{:.1}", bits.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linkage::words::Part;

    fn explained() -> EventExplained {
        let candidate = |person: &str, bits: f32| CandidateExplained {
            person: person.to_owned(),
            also: Vec::new(),
            found_by: "NHS Number",
            evidence: vec![
                Part { field: "NHS Number", agreement: "the same".to_owned(), bits },
                Part { field: "postcode", agreement: "somewhere <else>".to_owned(), bits: -4.25 },
            ],
            weight_bits: bits - 4.25,
            probability: 0.98,
        };
        EventExplained {
            record: "apc/1".to_owned(),
            status: "linked",
            verdict: "linked to gp/A/1, probability 0.98".to_owned(),
            persons: 1024,
            prior_bits: 10.0,
            best: Some(candidate("gp/A/1", 20.0)),
            runner_up: Some(candidate("gp/A/2", 3.0)),
            further_candidates: 0,
            none_probability: 0.01,
            accept_probability: 0.83,
            margin_probability: 0.5,
            review_probability: 0.25,
            decided: None,
            ruled_out: 0,
            number_lent: false,
            suppositions: Vec::new(),
        }
    }

    #[test]
    fn the_picture_stands_alone_and_says_in_words_what_it_shows() {
        let svg = draw(&explained());
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.contains("<style>"));
        assert!(svg.contains("role=\"img\"") && svg.contains("<title id=\"evidence-t\">") && svg.contains("<desc"));
        assert!(
            svg.contains("NHS Number: the same +20.0 bits") && svg.contains("\u{2212}4.2") && svg.contains("gp/A/2")
        );
        assert!(svg.contains("somewhere &lt;else&gt;"), "text is escaped");
    }

    #[test]
    fn bits_bear_their_sign() {
        assert_eq!([12.34, -0.01, -3.0].map(signed), ["+12.3", "0.0", "\u{2212}3.0"]);
    }

    #[test]
    fn bars_follow_on_from_each_other() {
        let explained = explained();
        let best = explained.best.as_ref().expect("a candidate");
        let steps = steps(&explained, best);
        let ends: Vec<(f64, f64)> = steps.iter().map(|step| (step.from, step.to)).collect();
        assert_eq!(ends, [(0.0, -10.0), (-10.0, 10.0), (10.0, 5.75), (0.0, 5.75)]);
    }
}
