//! A page of plain words: blocks in, text or HTML out, the same words in each.
//!
//! Invariant: whatever stands in a block is text, never mark-up; a reader loses nothing in one form that another shows.

/// Columns of a page of text.
const WIDTH: usize = 76;

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The heading of a part.
    Heading(String),
    /// The heading of a part of a part.
    Subheading(String),
    /// A paragraph.
    Paragraph(String),
    /// A paragraph that must not be missed.
    Notice(String),
    /// Points.
    Points(Vec<String>),
    /// What things are: a word and what it means, or a question and its answer.
    Pairs(Vec<(String, String)>),
    /// A form begins here, on a page of its own in print.
    Form(String),
    /// A line to write on, with what to write.
    Line(String),
    /// A box to tick, with what it means.
    Tick(String),
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The tag of its language.
    pub language: String,
    /// Its title.
    pub title: String,
    /// Its parts.
    pub blocks: Vec<Block>,
}

impl Document {
    /// The page as plain text.
    pub fn text(&self) -> String {
        let mut text = underlined(&self.title, '=');
        for block in &self.blocks {
            text.push('\n');
            match block {
                Block::Heading(words) | Block::Form(words) => {
                    text.push('\n');
                    text.push_str(&underlined(words, '-'));
                }
                Block::Subheading(words) | Block::Paragraph(words) => fill(&mut text, words, "", ""),
                Block::Notice(words) => fill(&mut text, words, "! ", "  "),
                Block::Points(points) => points.iter().for_each(|point| fill(&mut text, point, "* ", "  ")),
                Block::Pairs(pairs) => pairs.iter().for_each(|(one, other)| {
                    fill(&mut text, one, "", "");
                    fill(&mut text, other, "    ", "    ");
                }),
                Block::Line(words) => {
                    fill(&mut text, words, "", "");
                    text.push_str(&"_".repeat(WIDTH));
                    text.push('\n');
                }
                Block::Tick(words) => fill(&mut text, words, "[ ] ", "    "),
            }
        }
        text
    }

    /// The page as HTML that stands alone: large print, no script, nothing from elsewhere.
    pub fn html(&self) -> String {
        super::html::page(self)
    }

    /// The page as PDF: large print, real text, tagged.
    ///
    /// # Errors
    /// [`WordsError::Unprintable`](super::WordsError::Unprintable) where the program's font lacks letters of the language.
    pub fn pdf(&self) -> Result<Vec<u8>, super::WordsError> {
        super::pdf::pdf(self)
    }
}

fn underlined(words: &str, line: char) -> String {
    let mut text = String::new();
    fill(&mut text, words, "", "");
    let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    text.extend(std::iter::repeat_n(line, longest));
    text.push('\n');
    text
}

/// Words broken into lines, the first after `first`, the others after `rest`.
fn fill(text: &mut String, words: &str, first: &str, rest: &str) {
    let (mut line, mut is_empty) = (first.to_owned(), true);
    for word in words.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            (line, is_empty) = (rest.to_owned(), true);
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Document {
        Document {
            language: "cy".to_owned(),
            title: "A <title> & more".to_owned(),
            blocks: vec![
                Block::Heading("One".to_owned()),
                Block::Paragraph("word ".repeat(40)),
                Block::Points(vec!["a \"point\"".to_owned()]),
                Block::Pairs(vec![("a question".to_owned(), "an answer".to_owned())]),
                Block::Form("A form".to_owned()),
                Block::Line("Name".to_owned()),
                Block::Tick("yes".to_owned()),
                Block::Notice("mind".to_owned()),
            ],
        }
    }

    #[test]
    fn text_keeps_within_its_width() {
        let text = page().text();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        for told in ["* a \"point\"", "    an answer", "[ ] yes", "! mind"] {
            assert!(text.contains(told), "{told}");
        }
    }

    #[test]
    fn html_names_its_language_and_holds_no_markup_of_the_words() {
        let html = page().html();
        assert!(html.starts_with("<!doctype html>\n<html lang=\"cy\">"));
        assert!(html.contains("A &lt;title&gt; &amp; more") && html.contains("a &quot;point&quot;"));
        assert!(!html.contains("<script") && !html.contains("http:") && !html.contains("https:"));
        assert!(html.contains("default-src 'none'"));
    }
}
