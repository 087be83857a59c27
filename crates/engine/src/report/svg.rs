//! A small writer of pictures.
//!
//! Shapes in, one `<svg>` element out. Colours are classes of the page's style sheet, so that pictures follow light, dark
//! and paper. Invariant: every text is escaped here, and every picture has a title and a description.

use std::fmt::Write as _;

/// A place in a picture, in its own units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub x: f64,
    pub y: f64,
}

/// Shorthand for a place.
pub(crate) const fn at(x: f64, y: f64) -> At {
    At { x, y }
}

/// The width and height of a box.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub width: f64,
    pub height: f64,
}

/// Shorthand for a size.
pub(crate) const fn size(width: f64, height: f64) -> Size {
    Size { width, height }
}

/// Where a text stands relative to its place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Align {
    Left,
    Middle,
    Right,
}

/// A picture being drawn.
pub(crate) struct Picture {
    body: String,
    size: Size,
}

impl Picture {
    pub(crate) fn new(size: Size) -> Self {
        Self { body: String::new(), size }
    }

    /// A box with a tip.
    pub(crate) fn rect(&mut self, class: &str, corner: At, size: Size, tip: &str) {
        let (class, tip) = (escaped(class), escaped(tip));
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{tip}</title></rect>",
            corner.x, corner.y, size.width, size.height
        ));
    }

    /// A straight line.
    pub(crate) fn line(&mut self, class: &str, from: At, to: At) {
        let class = escaped(class);
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.x, from.y, to.x, to.y
        ));
    }

    /// A dot with a tip.
    pub(crate) fn dot(&mut self, class: &str, centre: At, radius: f64, tip: &str) {
        let (class, tip) = (escaped(class), escaped(tip));
        self.put(format_args!(
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"><title>{tip}</title></circle>",
            centre.x, centre.y
        ));
    }

    /// A line of text; the place is on its base line.
    pub(crate) fn text(&mut self, class: &str, place: At, align: Align, text: &str) {
        let anchor = match align {
            Align::Left => "start",
            Align::Middle => "middle",
            Align::Right => "end",
        };
        let (class, text) = (escaped(class), escaped(text));
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{text}</text>",
            place.x, place.y
        ));
    }

    /// A band that leaves one upright edge and arrives at another; the places are the upper ends of the edges.
    pub(crate) fn band(&mut self, class: &str, from: At, to: At, height: f64, tip: &str) {
        let middle = f64::midpoint(from.x, to.x);
        let (class, tip) = (escaped(class), escaped(tip));
        self.put(format_args!(
            "<path class=\"{class}\" d=\"M{:.1} {:.1}C{middle:.1} {:.1} {middle:.1} {:.1} {:.1} {:.1}V{:.1}\
             C{middle:.1} {:.1} {middle:.1} {:.1} {:.1} {:.1}Z\"><title>{tip}</title></path>",
            from.x,
            from.y,
            from.y,
            to.y,
            to.x,
            to.y,
            to.y + height,
            to.y + height,
            from.y + height,
            from.x,
            from.y + height,
        ));
    }

    /// The picture as an element of a page. `id` is the picture's name within the page.
    pub(crate) fn finish(self, id: &str, title: &str, description: &str) -> String {
        let (id, title, description) = (escaped(id), escaped(title), escaped(description));
        format!(
            "<svg role=\"img\" aria-labelledby=\"{id}-t {id}-d\" viewBox=\"0 0 {:.0} {:.0}\">\
             <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{description}</desc>{}</svg>",
            self.size.width, self.size.height, self.body
        )
    }

    /// The picture as a file of its own, with its style sheet; see [`Picture::finish`].
    pub(crate) fn finish_alone(self, id: &str, title: &str, description: &str, style: &str) -> String {
        let size = self.size;
        let picture = self.finish(id, title, description);
        let open = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0}\" height=\"{:.0}\"",
            size.width, size.height
        );
        // Titles come first, for readers of screens; the style sheet follows them.
        picture.replacen("<svg", &open, 1).replacen("</desc>", &format!("</desc><style>{style}</style>"), 1)
    }

    fn put(&mut self, shape: std::fmt::Arguments<'_>) {
        self.body.write_fmt(shape).expect("writing to a String cannot fail");
    }
}

/// Text as it may stand between tags and inside quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element() {
        let mut picture = Picture::new(size(10.0, 10.0));
        picture.text("a\"b", at(1.0, 2.0), Align::Left, "<script>&'");
        picture.rect("c", at(0.0, 0.0), size(1.0, 1.0), "</title>");
        let svg = picture.finish("p", "t<", "d>");
        assert!(svg.contains("&lt;script&gt;&amp;&#39;") && svg.contains("a&quot;b") && svg.contains("&lt;/title&gt;"));
        assert!(!svg.contains("<script>") && svg.contains("t&lt;") && svg.contains("d&gt;"));
    }
}
