//! A page of plain words as PDF: large print, real text, tagged for screen readers (checked as PDF/UA-1).
//!
//! In: a document. Out: the bytes of a PDF that embeds the part of its fonts that it uses, since the fonts that every reader has
//! lack letters of Welsh (ŵ, ŷ). First the words are laid out on pages, then the pages are drawn and tagged. Invariant: a letter
//! that the font lacks is an error, never a blank; whatever is drawn is tagged or marked as decoration.

use super::WordsError;
use super::document::{Block, Document};
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Accessibility, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, Identifier, ListNumbering, SpanTag, Tag, TagGroup, TagTree};
use krilla::text::{Font, TextDirection};
use std::num::NonZeroU16;
use ttf_parser::Face;

/// A4, in points.
const PAGE: (f32, f32) = (595.28, 841.89);
const MARGIN: f32 = 56.0;
/// Large print: 16 points, as associations of blind people ask for.
const BODY: f32 = 16.0;
/// From one line to the next, as a multiple of the letters' size.
const LEADING: f32 = 1.4;

/// How words look.
#[derive(Clone, Copy, Debug)]
struct Look {
    size: f32,
    bold: bool,
    before: f32,
    after: f32,
    indent: f32,
}

const TITLE: Look = Look { size: 26.0, bold: true, before: 0.0, after: 14.0, indent: 0.0 };
const HEADING: Look = Look { size: 20.0, bold: true, before: 22.0, after: 8.0, indent: 0.0 };
const SUBHEADING: Look = Look { size: BODY, bold: true, before: 8.0, after: 4.0, indent: 0.0 };
const PARAGRAPH: Look = Look { size: BODY, bold: false, before: 0.0, after: 9.0, indent: 0.0 };
const NOTICE: Look = Look { size: BODY, bold: true, before: 4.0, after: 12.0, indent: 14.0 };
const POINT: Look = Look { size: BODY, bold: false, before: 0.0, after: 5.0, indent: 20.0 };
const WORD: Look = Look { size: BODY, bold: true, before: 4.0, after: 0.0, indent: 0.0 };
const MEANING: Look = Look { size: BODY, bold: false, before: 0.0, after: 6.0, indent: 14.0 };
const TICK: Look = Look { size: BODY, bold: false, before: 6.0, after: 8.0, indent: 30.0 };
/// Where somebody writes.
const LINE: Look = Look { size: BODY, bold: true, before: 8.0, after: 34.0, indent: 0.0 };

/// What a part is, for readers that cannot see it.
#[derive(Clone, Debug)]
enum Role {
    Heading(u16, String),
    Paragraph,
    Label,
    Item,
}

/// Something drawn on a page.
#[derive(Clone, Debug)]
enum Mark {
    Text { x: f32, y: f32, look: Look, text: String, part: usize },
    Bar { left: f32, top: f32, width: f32, height: f32 },
}

struct Fonts {
    regular: (Font, Face<'static>),
    bold: (Font, Face<'static>),
}

impl Fonts {
    fn load() -> Option<Self> {
        let font = |bytes: &'static [u8]| Some((Font::new(bytes.into(), 0)?, Face::parse(bytes, 0).ok()?));
        Some(Self { regular: font(dejavu::sans::regular())?, bold: font(dejavu::sans::bold())? })
    }

    fn of(&self, look: Look) -> &(Font, Face<'static>) {
        if look.bold { &self.bold } else { &self.regular }
    }

    fn width(&self, look: Look, text: &str) -> f32 {
        let (_, face) = self.of(look);
        let advance = |letter| face.glyph_index(letter).and_then(|glyph| face.glyph_hor_advance(glyph)).unwrap_or(0);
        let units: u32 = text.chars().map(|letter| u32::from(advance(letter))).sum();
        units as f32 * look.size / f32::from(face.units_per_em())
    }
}

/// The words laid out.
struct Layout<'a> {
    fonts: &'a Fonts,
    pages: Vec<Vec<Mark>>,
    parts: Vec<Role>,
    /// Where each heading stands: page and height.
    headings: Vec<(String, usize, f32)>,
    y: f32,
}

impl Layout<'_> {
    fn page(&mut self) -> &mut Vec<Mark> {
        if self.pages.is_empty() {
            self.pages.push(Vec::new());
        }
        let last = self.pages.len() - 1;
        &mut self.pages[last]
    }

    fn new_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = MARGIN;
    }

    /// Begins a new page where so much does not fit on this one.
    fn need(&mut self, height: f32) {
        if self.y + height > PAGE.1 - MARGIN - BODY {
            self.new_page();
        }
    }

    fn lines(&self, look: Look, text: &str) -> Vec<String> {
        let room = PAGE.0 - 2.0 * MARGIN - look.indent;
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if !line.is_empty() && self.fonts.width(look, &longer) > room {
                // The blank at the end tells readers where one word ends.
                lines.push(format!("{line} "));
                word.clone_into(&mut line);
            } else {
                line = longer;
            }
        }
        lines.push(line);
        lines
    }

    fn put(&mut self, role: Role, look: Look, text: &str) {
        let lines = self.lines(look, text);
        let height = look.size * LEADING;
        // A heading stays with what follows it, and what is short stays together.
        let together = if matches!(role, Role::Heading(..)) { lines.len() + 3 } else { lines.len().min(3) };
        self.y += if self.y > MARGIN { look.before } else { 0.0 };
        self.need(together as f32 * height);
        let part = self.parts.len();
        if let Role::Heading(_, title) = &role {
            let (title, page, y) = (title.clone(), self.pages.len().saturating_sub(1), self.y);
            self.headings.push((title, page, y));
        }
        self.parts.push(role);
        for text in lines {
            self.need(height);
            let (x, y) = (MARGIN + look.indent, self.y + look.size);
            self.page().push(Mark::Text { x, y, look, text, part });
            self.y += height;
        }
        self.y += look.after;
    }

    fn bar(&mut self, left: f32, top: f32, width: f32, height: f32) {
        self.page().push(Mark::Bar { left, top, width, height });
    }

    /// A box to tick, beside the line that comes.
    fn tick(&mut self, words: &str) {
        self.need(TICK.before + BODY * LEADING * 3.0);
        let (left, top, side) = (MARGIN, self.y + TICK.before, 18.0);
        for (x, y, width, height) in [
            (left, top, side, 1.5),
            (left, top + side, side, 1.5),
            (left, top, 1.5, side),
            (left + side, top, 1.5, side + 1.5),
        ] {
            self.bar(x, y, width, height);
        }
        self.put(Role::Paragraph, TICK, words);
    }

    fn block(&mut self, block: &Block) {
        let heading = |level, words: &String| Role::Heading(level, words.clone());
        match block {
            Block::Heading(words) => self.put(heading(2, words), HEADING, words),
            Block::Subheading(words) => self.put(heading(3, words), SUBHEADING, words),
            Block::Paragraph(words) => self.put(Role::Paragraph, PARAGRAPH, words),
            Block::Notice(words) => {
                let height = self.lines(NOTICE, words).len() as f32 * BODY * LEADING;
                self.need(NOTICE.before + height);
                let top = self.y + NOTICE.before;
                self.bar(MARGIN, top, 5.0, height);
                self.put(Role::Paragraph, NOTICE, words);
            }
            Block::Points(points) => {
                for point in points {
                    self.need(BODY * LEADING * 2.0);
                    let (y, part) = (self.y + BODY, self.parts.len());
                    self.parts.push(Role::Label);
                    self.page().push(Mark::Text { x: MARGIN + 4.0, y, look: POINT, text: "•".to_owned(), part });
                    self.put(Role::Item, POINT, point);
                }
            }
            Block::Pairs(pairs) => {
                for (word, meaning) in pairs {
                    self.need(BODY * LEADING * 3.0);
                    self.put(Role::Paragraph, WORD, word);
                    self.put(Role::Paragraph, MEANING, meaning);
                }
            }
            Block::Form(words) => {
                self.new_page();
                self.put(heading(2, words), HEADING, words);
            }
            Block::Line(words) => {
                let height = self.lines(LINE, words).len() as f32 * BODY * LEADING;
                self.need(LINE.before + height + LINE.after);
                self.put(Role::Paragraph, LINE, words);
                self.bar(MARGIN, self.y - 6.0, PAGE.0 - 2.0 * MARGIN, 1.0);
            }
            Block::Tick(words) => self.tick(words),
        }
    }
}

/// The document as PDF.
///
/// # Errors
/// [`WordsError::Unprintable`] where the font lacks letters of the language, or the page breaks a rule of PDF/UA-1.
pub fn pdf(document: &Document) -> Result<Vec<u8>, WordsError> {
    let fault = |what: String| WordsError::Unprintable { language: document.language.clone(), what };
    let fonts = Fonts::load().ok_or_else(|| fault("the program's own font cannot be read".to_owned()))?;
    let mut layout = Layout { fonts: &fonts, pages: Vec::new(), parts: Vec::new(), headings: Vec::new(), y: MARGIN };
    layout.put(Role::Heading(1, document.title.clone()), TITLE, &document.title);
    document.blocks.iter().for_each(|block| layout.block(block));
    let configuration = ConfigurationBuilder::new()
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| fault(format!("{error:?}")))?;
    let settings = SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() };
    let mut made = krilla::Document::new_with(settings);
    let metadata = Metadata::new()
        .title(document.title.clone())
        .language(document.language.clone())
        .creator("caredata".to_owned());
    made.set_metadata(metadata);
    let identifiers = draw(&mut made, &layout, &fonts).ok_or_else(|| fault("a page has no size".to_owned()))?;
    made.set_tag_tree(tags(&layout.parts, identifiers, &document.language));
    made.set_outline(outline(&layout.headings));
    made.finish().map_err(|error| fault(format!("{error:?}").chars().take(200).collect()))
}

/// Draws the pages, and gives for each part what was drawn of it.
fn draw(made: &mut krilla::Document, layout: &Layout<'_>, fonts: &Fonts) -> Option<Vec<Vec<Identifier>>> {
    let mut identifiers: Vec<Vec<Identifier>> = vec![Vec::new(); layout.parts.len()];
    for (number, marks) in layout.pages.iter().enumerate() {
        let mut page = made.start_page_with(PageSettings::from_wh(PAGE.0, PAGE.1)?);
        let mut surface = page.surface();
        let ink =
            Fill { paint: rgb::Color::new(17, 17, 17).into(), opacity: NormalizedF32::ONE, rule: FillRule::NonZero };
        surface.set_fill(Some(ink));
        for mark in marks {
            match mark {
                Mark::Text { x, y, look, text, part } => {
                    identifiers[*part].push(surface.start_tagged(ContentTag::Span(SpanTag::empty())));
                    write(&mut surface, fonts, *look, (*x, *y), text);
                    surface.end_tagged();
                }
                Mark::Bar { left, top, width, height } => {
                    let mut path = PathBuilder::new();
                    path.push_rect(Rect::from_xywh(*left, *top, *width, *height)?);
                    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
                    surface.draw_path(&path.finish()?);
                    surface.end_tagged();
                }
            }
        }
        let text = format!("{}", number + 1);
        let look = Look { size: 12.0, ..PARAGRAPH };
        let x = (PAGE.0 - fonts.width(look, &text)) / 2.0;
        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::PageNumber)));
        write(&mut surface, fonts, look, (x, PAGE.1 - MARGIN / 2.0), &text);
        surface.end_tagged();
        surface.finish();
        page.finish();
    }
    Some(identifiers)
}

fn write(surface: &mut Surface<'_>, fonts: &Fonts, look: Look, (x, y): (f32, f32), text: &str) {
    let (font, _) = fonts.of(look);
    surface.draw_text(Point::from_xy(x, y), font.clone(), look.size, text, false, TextDirection::Auto);
}

/// The parts in their order, as readers that cannot see them are told of them.
fn tags(parts: &[Role], identifiers: Vec<Vec<Identifier>>, language: &str) -> TagTree {
    let mut tree = TagTree::new().with_lang(Some(language.to_owned()));
    let mut list: Option<TagGroup> = None;
    let mut label: Option<TagGroup> = None;
    for (role, drawn) in parts.iter().zip(identifiers) {
        let fill = |mut group: TagGroup| {
            for &identifier in &drawn {
                group.push(identifier);
            }
            group
        };
        match role {
            Role::Label => {
                label = Some(fill(TagGroup::new(Tag::Lbl)));
                continue;
            }
            Role::Item => {
                let mut item = TagGroup::new(Tag::LI);
                label.take().into_iter().for_each(|label| item.push(label));
                item.push(fill(TagGroup::new(Tag::LBody)));
                list.get_or_insert_with(|| TagGroup::new(Tag::L(ListNumbering::Disc))).push(item);
                continue;
            }
            Role::Heading(..) | Role::Paragraph => {}
        }
        list.take().into_iter().for_each(|list| tree.push(list));
        tree.push(match role {
            Role::Heading(level, title) => {
                let level = NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN);
                fill(TagGroup::new(Tag::Hn(level, Some(title.clone()))))
            }
            Role::Paragraph | Role::Label | Role::Item => fill(TagGroup::new(Tag::P)),
        });
    }
    list.take().into_iter().for_each(|list| tree.push(list));
    tree
}

fn outline(headings: &[(String, usize, f32)]) -> Outline {
    let mut outline = Outline::new();
    for (title, page, y) in headings {
        let place = XyzDestination::new(*page, Point::from_xy(MARGIN, *y));
        outline.push_child(OutlineNode::new(title.clone(), place));
    }
    outline
}

#[cfg(test)]
mod tests {
    use crate::leaflet::{self, Told};
    use crate::words::{Block, Document, Words};

    #[test]
    fn the_leaflet_is_a_tagged_pdf_of_its_language() {
        for language in ["en", "cy"] {
            let page = leaflet::document(&Told::default(), &Words::of(language, None).expect("words"));
            let bytes = super::pdf(&page).expect("a PDF");
            let text = String::from_utf8_lossy(&bytes);
            for told in ["%PDF-", "/StructTreeRoot", "/Marked true", &format!("/Lang({language})"), "pdfuaid"] {
                assert!(text.contains(told), "{language}: {told}");
            }
            assert!(bytes.len() < 400_000, "{} bytes", bytes.len());
        }
    }

    #[test]
    fn a_letter_that_the_font_lacks_is_refused() {
        let page = Document {
            language: "zh".to_owned(),
            title: "Choice".to_owned(),
            blocks: vec![Block::Paragraph("您的选择".to_owned())],
        };
        assert_eq!(super::pdf(&page).expect_err("no such letters").code(), "language-unprintable");
    }
}
