//! A page of plain words as HTML: large print, black on white, for screens, screen readers and paper.
//!
//! Invariant: the page stands alone, runs no script and loads nothing; its one style is allowed by its hash and no other is.

use super::document::{Block, Document};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn page(document: &Document) -> String {
    let (title, language) = (escaped(&document.title), escaped(&document.language));
    let allowed = base64(&Sha256::digest(STYLE));
    let mut html = format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{allowed}'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n"
    );
    let mut in_form = false;
    for block in &document.blocks {
        if in_form && matches!(block, Block::Heading(_)) {
            html.push_str("</section>\n");
            in_form = false;
        }
        if matches!(block, Block::Form(_)) {
            in_form = true;
        }
        html.push_str(&part(block));
    }
    if in_form {
        html.push_str("</section>\n");
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn part(block: &Block) -> String {
    match block {
        Block::Heading(words) => format!("<h2>{}</h2>\n", escaped(words)),
        Block::Subheading(words) => format!("<h3>{}</h3>\n", escaped(words)),
        Block::Paragraph(words) => format!("<p>{}</p>\n", escaped(words)),
        Block::Notice(words) => format!("<p class=\"notice\">{}</p>\n", escaped(words)),
        Block::Points(points) => {
            let mut list = String::from("<ul>\n");
            for point in points {
                // Writing to a string cannot fail.
                let _ = writeln!(list, "<li>{}</li>", escaped(point));
            }
            list.push_str("</ul>\n");
            list
        }
        Block::Pairs(pairs) => {
            let mut list = String::from("<dl>\n");
            for (one, other) in pairs {
                // Writing to a string cannot fail.
                let _ = writeln!(list, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(one), escaped(other));
            }
            list.push_str("</dl>\n");
            list
        }
        Block::Form(words) => format!("<section class=\"form\">\n<h2>{}</h2>\n", escaped(words)),
        Block::Line(words) => format!("<p class=\"line\">{}</p>\n", escaped(words)),
        Block::Tick(words) => {
            format!("<p class=\"tick\"><span class=\"box\" aria-hidden=\"true\"></span>{}</p>\n", escaped(words))
        }
    }
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Base 64 as the policy writes hashes (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let packed = three.iter().chain([0, 0].iter()).take(3).fold(0_u32, |all, &byte| all << 8 | u32::from(byte));
        for place in 0..4 {
            let digit = DIGITS[(packed >> (18 - 6 * place) & 63) as usize];
            text.push(if place > three.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base_64_is_as_the_standard_says() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
