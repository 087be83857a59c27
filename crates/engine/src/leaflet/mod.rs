//! The leaflet for the public: what the system really does, in; a page of plain words with a form, out.
//!
//! In: the sources that send records, the linked record's closed schema, the rules on objections and instruments, and how the
//! body is reached. Invariant: what is collected is told from the schema, so that a new column without a group fails a test;
//! no word stands here that is not in every language's messages.

mod groups;

pub use groups::Group;

use crate::error::EngineError;
use crate::home::{Contact, Home};
use crate::law::DAYS_MAX;
use crate::words::{Block, Document, Words};
use caredata_admit::Setting;
use caredata_model::LawfulPurpose;
use std::collections::BTreeSet;

/// The sources that the program knows by itself.
const BUILT_IN: [&str; 4] = ["gp", "apc", "op", "ae"];

/// What a home adds to the leaflet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How the body is reached.
    pub contact: Contact,
    /// Declared sources that ever sent something, by name.
    pub declared: BTreeSet<String>,
}

impl Told {
    /// What a home adds.
    ///
    /// # Errors
    /// [`EngineError`] where the register cannot be read.
    pub fn of(home: &Home) -> Result<Self, EngineError> {
        let sources = home.register()?.contributions()?.into_iter().map(|one| one.source.to_string());
        let is_known = |name: &str| BUILT_IN.contains(&name) || Setting::GP_SOURCES.contains(&name);
        let declared = sources.filter(|name| !is_known(name.as_str())).collect();
        Ok(Self { contact: home.contact().clone(), declared })
    }
}

/// The leaflet.
pub fn document(told: &Told, words: &Words) -> Document {
    let page = Page { words };
    let mut blocks =
        vec![page.paragraph("leaflet-intro"), page.notice("subject-care"), page.paragraph("leaflet-nothing")];
    blocks.extend(page.points("leaflet-happens", &["happens-sent", "happens-linked", "happens-record"]));
    blocks.extend(page.sources(told));
    blocks.extend(page.collected());
    blocks.extend(page.points("leaflet-never", &["never-identifiers", "never-text", "never-sensitive"]));
    blocks.extend(page.points(
        "leaflet-why",
        &["why-treat", "why-services", "why-risk", "why-outcomes", "why-resources", "why-inequalities", "why-account"],
    ));
    blocks.push(page.paragraph("why-never"));
    blocks.extend(page.points("leaflet-who", &["who-here", "who-log", "who-ask"]));
    blocks.extend(page.objecting());
    blocks.extend(page.points("leaflet-kept", &["kept-wish", "kept-gp", "kept-hospital", "kept-link", "kept-uses"]));
    blocks.extend(page.law());
    blocks.extend(page.contact(&told.contact));
    blocks.extend(page.form());
    Document { language: words.language().to_owned(), title: words.say("leaflet-title", &[]), blocks }
}

struct Page<'a> {
    words: &'a Words,
}

impl Page<'_> {
    fn say(&self, id: &str) -> String {
        self.words.say(id, &[])
    }

    fn heading(&self, id: &str) -> Block {
        Block::Heading(self.say(id))
    }

    fn paragraph(&self, id: &str) -> Block {
        Block::Paragraph(self.say(id))
    }

    fn notice(&self, id: &str) -> Block {
        Block::Notice(self.say(id))
    }

    /// A part that is a heading and points.
    fn points(&self, heading: &str, ids: &[&str]) -> [Block; 2] {
        [self.heading(heading), Block::Points(ids.iter().map(|id| self.say(id)).collect())]
    }

    fn sources(&self, told: &Told) -> [Block; 2] {
        let built_in = BUILT_IN.iter().map(|name| self.say(&format!("source-{name}")));
        let declared = told.declared.iter().map(|name| self.words.say("source-declared", &[("name", name)]));
        [self.heading("leaflet-sources"), Block::Points(built_in.chain(declared).collect())]
    }

    fn collected(&self) -> [Block; 2] {
        let pair = |group: &Group| {
            let id = format!("group-{}", group.id());
            (self.say(&id), self.say(&format!("{id}-what")))
        };
        [self.heading("leaflet-collected"), Block::Pairs(groups::used().iter().map(pair).collect())]
    }

    fn objecting(&self) -> Vec<Block> {
        let mut blocks =
            vec![self.heading("leaflet-object"), self.paragraph("object-how"), self.paragraph("object-back")];
        for (kind, stops) in
            [("object-gp", "stops-gp"), ("object-all", "stops-all"), ("object-source", "object-source-what")]
        {
            blocks.push(Block::Subheading(self.say(kind)));
            blocks.push(Block::Points(vec![self.say(stops)]));
        }
        blocks.push(Block::Subheading(self.say("object-leaves")));
        blocks.push(Block::Points(["leaves-care", "leaves-all", "leaves-law"].map(|id| self.say(id)).to_vec()));
        blocks.push(self.paragraph("object-when"));
        blocks
    }

    fn law(&self) -> Vec<Block> {
        let purposes = LawfulPurpose::ALL.map(|purpose| self.say(&format!("lawful-{}", purpose.word())));
        vec![
            self.heading("leaflet-law"),
            Block::Paragraph(self.words.say("law-what", &[("days", &DAYS_MAX.to_string())])),
            Block::Subheading(self.say("law-purposes")),
            Block::Points(purposes.to_vec()),
            self.paragraph("law-none"),
        ]
    }

    fn contact(&self, contact: &Contact) -> Vec<Block> {
        let known = [
            ("contact-name", &contact.name),
            ("contact-telephone", &contact.telephone),
            ("contact-text-phone", &contact.text_phone),
            ("contact-email", &contact.email),
            ("contact-post", &contact.post),
            ("contact-web", &contact.web),
        ];
        let pairs: Vec<(String, String)> =
            known.into_iter().filter_map(|(id, value)| Some((self.say(id), value.clone()?))).collect();
        let how = if pairs.is_empty() { self.paragraph("contact-none") } else { Block::Pairs(pairs) };
        vec![self.heading("leaflet-contact"), how, self.paragraph("contact-needs")]
    }

    fn form(&self) -> Vec<Block> {
        let line = |id: &str| Block::Line(self.say(id));
        let tick = |id: &str| Block::Tick(self.say(id));
        vec![
            Block::Form(self.say("leaflet-form")),
            self.paragraph("form-help"),
            line("form-name"),
            line("form-birth"),
            line("form-number"),
            line("form-postcode"),
            Block::Subheading(self.say("form-tick")),
            tick("form-gp"),
            tick("form-all"),
            tick("form-source"),
            tick("form-back"),
            line("form-blank"),
            line("form-signer"),
            line("form-signature"),
            line("form-date"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_of_the_language() {
        let told = Told {
            contact: Contact { telephone: Some("0300 456 3531".to_owned()), ..Contact::default() },
            declared: BTreeSet::from(["social-care".to_owned()]),
        };
        for language in ["en", "cy"] {
            let text = document(&told, &Words::of(language, None).expect("words")).text();
            let ids = ["leaflet-", "happens-", "source-", "group-", "never-", "why-", "who-", "kept-", "law-", "form-"];
            for word in text.split_whitespace() {
                assert!(!ids.iter().any(|beginning| word.starts_with(beginning)), "{language}: {word}");
            }
            for told in ["0300 456 3531", "social-care", "366"] {
                assert!(text.contains(told), "{language}: {told}");
            }
        }
        let welsh = document(&told, &Words::of("cy", None).expect("words")).text();
        assert!(!welsh.contains(" the ") && !welsh.contains(" your "), "{welsh}");
    }

    #[test]
    fn without_a_home_people_are_sent_to_their_practice() {
        let text = document(&Told::default(), &Words::of("en", None).expect("words")).text();
        assert!(text.contains("Please ask at your GP practice."));
    }
}
