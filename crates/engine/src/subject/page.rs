//! A report as a page of plain words: facts, a receipt and a language in, a document out.
//!
//! Invariant: every word that a person reads comes from the language's messages; what is not in them is a name of ours, a day,
//! or what an agreement calls its recipient and purpose.

use super::{Facts, Report};
use crate::words::{Block, Document, Words};
use caredata_model::Day;

/// The page.
pub fn document(report: &Report, words: &Words) -> Document {
    let page = Page { words, facts: &report.facts };
    let mut blocks = page.opening();
    blocks.extend(page.choices());
    blocks.extend(page.effects());
    blocks.extend(page.said());
    blocks.extend(page.uses());
    blocks.extend(page.instruments());
    let code = [("code", report.receipt.as_str())];
    blocks.extend([
        page.heading("subject-receipt"),
        Block::Notice(words.say("receipt-code", &code)),
        page.paragraph("receipt-what"),
        Block::Paragraph(words.say("receipt-how", &code)),
    ]);
    Document { language: words.language().to_owned(), title: words.say("subject-title", &[]), blocks }
}

/// A place of care, by its own name where the messages have none for it.
pub fn place(words: &Words, name: &str) -> String {
    let id = format!("place-{name}");
    if words.has(&id) { words.say(&id, &[]) } else { name.to_owned() }
}

struct Page<'a> {
    words: &'a Words,
    facts: &'a Facts,
}

impl Page<'_> {
    fn heading(&self, id: &str) -> Block {
        Block::Heading(self.words.say(id, &[]))
    }

    fn paragraph(&self, id: &str) -> Block {
        Block::Paragraph(self.words.say(id, &[]))
    }

    /// A day of the facts, as people write it.
    fn day(&self, text: &str) -> String {
        Day::parse(text).map_or_else(|_| self.words.say("no-date", &[]), |day| self.words.day(day))
    }

    fn opening(&self) -> Vec<Block> {
        let made = self.words.say("subject-made", &[("date", &self.day(&self.facts.made))]);
        let mut blocks = vec![Block::Paragraph(made), self.paragraph("subject-about")];
        if !self.facts.known {
            blocks.push(Block::Notice(self.words.say("subject-unknown", &[])));
        }
        if self.facts.shared_number {
            blocks.push(Block::Notice(self.words.say("subject-shared", &[])));
        }
        blocks.push(Block::Notice(self.words.say("subject-care", &[])));
        blocks
    }

    /// What stands about a scope, in the messages that begin with `beginning`.
    fn of_scope(&self, beginning: &str, about: &str, ending: &str) -> String {
        match about.split_once(':') {
            Some((_, name)) => {
                let id = format!("{beginning}source{ending}");
                self.words.say(&id, &[("place", &place(self.words, name))])
            }
            None => self.words.say(&format!("{beginning}{about}{ending}"), &[]),
        }
    }

    fn choices(&self) -> Vec<Block> {
        let told = self.facts.choices.iter().map(|choice| {
            let ending = if choice.stands { "-stands" } else { "-withdrawn" };
            self.of_scope("choice-", &choice.about, ending)
        });
        let told: Vec<String> = told.collect();
        let said = if told.is_empty() { self.paragraph("choice-none") } else { Block::Points(told) };
        vec![self.heading("subject-choices"), said, self.paragraph("choice-practice")]
    }

    fn effects(&self) -> Vec<Block> {
        let standing: Vec<&str> =
            self.facts.choices.iter().filter(|choice| choice.stands).map(|choice| choice.about.as_str()).collect();
        let heading = self.heading("subject-stops");
        if standing.is_empty() {
            return vec![heading, self.paragraph("stops-nothing")];
        }
        let objects_to_all = standing.contains(&"all");
        let stopped = standing.iter().map(|about| self.of_scope("stops-", about, "")).collect();
        // What is left by one objection may be stopped by another.
        let left = standing.iter().filter(|about| **about == "all" || !objects_to_all);
        let mut left: Vec<String> = if objects_to_all || standing.len() == 1 {
            left.map(|about| self.of_scope("leaves-", about, "")).collect()
        } else {
            Vec::new()
        };
        left.extend(["leaves-care", "leaves-law"].map(|id| self.words.say(id, &[])));
        vec![
            heading,
            Block::Subheading(self.words.say("stops", &[])),
            Block::Points(stopped),
            Block::Subheading(self.words.say("leaves", &[])),
            Block::Points(left),
        ]
    }

    fn said(&self) -> Vec<Block> {
        let heading = self.heading("subject-history");
        if self.facts.said.is_empty() {
            return vec![heading, self.paragraph("history-none")];
        }
        let told = self.facts.said.iter().map(|one| {
            let (choice, about) = one.kind.split_once('-').unwrap_or((&one.kind, ""));
            let day = |day: &Option<String>| self.day(day.as_deref().unwrap_or_default());
            let mut details = self.words.say(
                "said-details",
                &[
                    ("effective", &day(&one.effective)),
                    ("by", &self.words.say(&format!("by-{}", one.by), &[])),
                    ("through", &self.words.say(&format!("through-{}", one.through), &[])),
                    ("recorded", &day(&one.recorded)),
                ],
            );
            if !one.counts {
                details.push(' ');
                details.push_str(&self.words.say("said-set-aside", &[]));
            }
            (self.of_scope(&format!("said-{choice}-"), about, ""), details)
        });
        vec![heading, Block::Pairs(told.collect())]
    }

    fn uses(&self) -> Vec<Block> {
        let heading = self.heading("subject-uses");
        if self.facts.uses.is_empty() {
            return vec![heading, self.paragraph("uses-none")];
        }
        let told = self.facts.uses.iter().map(|one| {
            let named = [("recipient", one.recipient.as_str()), ("reference", one.reference.as_str())];
            let title = self.words.say(&format!("use-{}", one.kind), &named);
            let held = match (one.held, one.left_out) {
                (true, false) => "use-held",
                (true, true) => "use-in-part",
                (false, _) => "use-left-out",
            };
            let basis = self.words.say(&format!("basis-{}", one.basis), &[]);
            let mut told =
                vec![self.words.say("use-noted", &[("date", &self.day(&one.day))]), self.words.say(held, &[])];
            if one.recipient.is_empty() {
                told.push(self.words.say("use-kept", &[]));
            }
            if !one.purpose.is_empty() {
                let lawful = format!("lawful-{}", one.purpose);
                let purpose = if self.words.has(&lawful) { self.words.say(&lawful, &[]) } else { one.purpose.clone() };
                told.push(self.words.say("use-for", &[("purpose", &purpose)]));
            }
            told.push(self.words.say("use-on", &[("basis", &basis)]));
            (title, told.join(" "))
        });
        vec![heading, Block::Pairs(told.collect())]
    }

    fn instruments(&self) -> Vec<Block> {
        let heading = self.heading("subject-instruments");
        if self.facts.instruments.is_empty() {
            return vec![heading, self.paragraph("instruments-none")];
        }
        let told = self.facts.instruments.iter().map(|one| {
            let purpose = self.words.say(&format!("lawful-{}", one.purpose), &[]);
            let (start, end) = (self.day(&one.start), self.day(&one.end));
            self.words
                .say("instrument-line", &[("id", &one.id), ("start", &start), ("end", &end), ("purpose", &purpose)])
        });
        vec![heading, Block::Points(told.collect())]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ChoiceFact, InstrumentFact, SaidFact, UseFact};
    use super::*;
    use caredata_model::{ConfidentialityBasis, Door, LawfulPurpose, Speaker};

    fn full() -> Report {
        let use_of = |kind: &str, recipient: &str, basis: ConfidentialityBasis, held, left_out| UseFact {
            kind: kind.to_owned(),
            reference: "run 1, 2014-04".to_owned(),
            recipient: recipient.to_owned(),
            purpose: String::new(),
            basis: basis.word().to_owned(),
            day: "2014-05-01".to_owned(),
            held,
            left_out,
        };
        let mut said: Vec<SaidFact> = Vec::new();
        for kind in ["object-gp", "withdraw-gp", "object-all", "withdraw-all", "object-source:apc", "withdraw-source:x"]
        {
            for (by, through) in Speaker::ALL.iter().zip(Door::ALL.iter().cycle()) {
                said.push(SaidFact {
                    kind: kind.to_owned(),
                    effective: None,
                    by: by.word().to_owned(),
                    through: through.word().to_owned(),
                    recorded: Some("2014-04-01".to_owned()),
                    counts: false,
                });
            }
        }
        let about = ["gp", "all", "source:hospital"].into_iter().flat_map(|about| [(about, true), (about, false)]);
        let mut uses: Vec<UseFact> =
            ConfidentialityBasis::ALL.iter().map(|&basis| use_of("release", "a body", basis, true, true)).collect();
        uses.push(use_of("publication", "", ConfidentialityBasis::Requirement259, false, true));
        Report {
            receipt: "17-AAAA-AAAA-AAAA-AAAA".to_owned(),
            facts: Facts {
                made: "2014-05-02".to_owned(),
                mark: "00".to_owned(),
                known: false,
                shared_number: true,
                choices: about.map(|(about, stands)| ChoiceFact { about: about.to_owned(), stands }).collect(),
                said,
                uses,
                instruments: LawfulPurpose::ALL
                    .map(|purpose| InstrumentFact {
                        id: "notice-1".to_owned(),
                        purpose: purpose.word().to_owned(),
                        start: "2014-04-01".to_owned(),
                        end: "2014-06-30".to_owned(),
                    })
                    .to_vec(),
            },
        }
    }

    #[test]
    fn every_fact_has_words_in_every_language() {
        for language in ["en", "cy"] {
            let text = document(&full(), &Words::of(language, None).expect("words")).text();
            let beginnings =
                ["choice-", "stops-", "leaves-", "said-", "by-", "through-", "use-", "basis-", "lawful-", "subject-"];
            for word in text.split_whitespace() {
                assert!(!beginnings.iter().any(|beginning| word.starts_with(beginning)), "{language}: {word}");
            }
            assert!(text.contains("17-AAAA-AAAA-AAAA-AAAA"), "{language}");
        }
        let welsh = document(&full(), &Words::of("cy", None).expect("words")).text();
        assert!(welsh.contains("1 Mai 2014") && !welsh.contains(" the "), "{welsh}");
    }
}
