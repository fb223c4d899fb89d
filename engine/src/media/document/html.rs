//! HTML → paragraphs; scripts, styles and the like are not text.

use std::path::Path;

use scraper::{Html, Node};

use super::{BlockKind, Flow, too_deep};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::media::Limits;

/// Elements whose content nobody reads.
const HIDDEN: [&str; 8] = ["script", "style", "noscript", "template", "svg", "math", "iframe", "object"];

/// Elements that flow with the words around them; every other one ends the paragraph.
const INLINE: [&str; 34] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font",
    "i", "img", "ins", "kbd", "label", "mark", "q", "ruby", "s", "samp", "small", "span", "strike", "strong",
    "sub", "sup", "time", "tt", "u", "var",
];

/// Elements that never hold others, or whose end may be left out: they do not nest.
const FLAT: [&str; 32] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
    "p", "li", "dt", "dd", "option", "optgroup", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup",
    "html", "head", "body", "rt", "rp", "param",
];

/// Reads HTML or XHTML.
pub(super) fn read(path: &Path, text: &str, limits: &Limits, cancel: &Cancel) -> Result<Flow> {
    // The parser needs time that grows with the square of the depth: look at the depth first.
    if depth(text) > limits.nesting {
        return Err(too_deep(path, limits));
    }
    let document = Html::parse_document(&close_empty(text));
    let mut flow = Flow::default();
    let mut writer = Writer::default();
    let mut hidden = 0usize;
    // A walk without recursion: down, along, up. Every node is met twice, when it opens and closes.
    let (mut node, mut opens, mut steps) = (document.tree.root(), true, 0u32);
    loop {
        steps = steps.wrapping_add(1);
        if steps % 4096 == 0 && cancel.is_cancelled() {
            break;
        }
        match node.value() {
            Node::Element(element) => {
                let name = element.name();
                if HIDDEN.contains(&name) || name == "head" {
                    hidden = if opens { hidden + 1 } else { hidden - 1 };
                }
                if name == "title" && opens && flow.title.is_none() {
                    let title: String =
                        node.descendants().filter_map(|n| n.value().as_text().map(|t| &**t)).collect();
                    flow.title = Some(title.split_whitespace().collect::<Vec<_>>().join(" "));
                }
                if hidden == 0 {
                    let alt = element.attr("alt").filter(|_| name == "img" && opens);
                    writer.element(name, opens, &mut flow);
                    writer.text(alt.unwrap_or_default());
                }
            }
            Node::Text(text) if opens && hidden == 0 => writer.text(text),
            _ => {}
        }
        let next = if opens {
            node.first_child().map_or((node, false), |child| (child, true))
        } else if let Some(sibling) = node.next_sibling() {
            (sibling, true)
        } else if let Some(parent) = node.parent() {
            (parent, false)
        } else {
            break;
        };
        (node, opens) = next;
    }
    writer.flush(&mut flow);
    Ok(flow)
}

/// Collects the words of one paragraph.
#[derive(Default)]
struct Writer {
    text: String,
    kind: BlockKind,
    /// Inside how many elements that keep white space.
    pre: usize,
    /// Inside how many table rows.
    rows: usize,
}

impl Writer {
    fn element(&mut self, name: &str, opens: bool, flow: &mut Flow) {
        match name {
            "br" if opens => self.text.push('\n'),
            "br" | "wbr" => {}
            // The cells of a row stay together.
            "td" | "th" => {
                if !opens {
                    self.text.push_str(" | ");
                }
            }
            _ if INLINE.contains(&name) => {}
            _ if self.rows > 0 && !matches!(name, "tr" | "table") => self.text.push(' '),
            _ => {
                self.flush(flow);
                match (name, opens) {
                    ("li", true) => self.text.push_str("• "),
                    ("pre" | "textarea", true) => self.pre += 1,
                    ("pre" | "textarea", false) => self.pre = self.pre.saturating_sub(1),
                    ("tr", true) => self.rows += 1,
                    ("tr", false) => self.rows = self.rows.saturating_sub(1),
                    ("h1" | "h2" | "h3" | "h4" | "h5" | "h6", true) => self.kind = BlockKind::Heading,
                    _ => {}
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        if self.pre > 0 {
            self.text.push_str(text);
            return;
        }
        for c in text.chars() {
            if !c.is_whitespace() || c == '\u{a0}' {
                self.text.push(if c == '\u{a0}' { ' ' } else { c });
            } else if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
        }
    }

    fn flush(&mut self, flow: &mut Flow) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim_end_matches([' ', '|']);
        if text.trim() != "•" {
            flow.push(text, self.kind);
        }
        self.kind = BlockKind::Paragraph;
    }
}

/// How deep elements are nested, without parsing: tags that open less tags that close.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest) = (0usize, 0);
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let closes = rest.starts_with('/');
        let tag = rest.trim_start_matches('/');
        let name_end =
            tag.find(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '-').unwrap_or(tag.len());
        let name = tag[..name_end].to_ascii_lowercase();
        let end = tag.find('>').unwrap_or(tag.len());
        if name.is_empty() {
            continue;
        }
        rest = &tag[end..];
        if FLAT.contains(&name.as_str()) || tag[..end].ends_with('/') {
        } else if closes {
            now = now.saturating_sub(1);
        } else {
            now += 1;
            deepest = deepest.max(now);
            if matches!(name.as_str(), "script" | "style") {
                // What looks like a tag in there is none.
                let close = format!("</{name}");
                rest = rest.find(&close).map_or("", |at| &rest[at..]);
            }
        }
    }
    deepest
}

/// XHTML may write `<title/>`, which an HTML parser takes for a beginning without an end.
fn close_empty(text: &str) -> String {
    let mut out = text.to_owned();
    for name in ["script", "style", "title", "textarea", "iframe", "noscript", "a", "div", "span", "p"] {
        let open = format!("<{name}");
        let mut from = 0;
        while let Some(at) = out[from..].find(&open).map(|at| from + at) {
            let Some(end) = out[at..].find('>').map(|end| at + end) else { break };
            let is_this = out[at + open.len()..].starts_with([' ', '/', '>', '\n', '\t', '\r']);
            if is_this && out[..end].ends_with('/') {
                out.replace_range(end - 1..=end, &format!("></{name}>"));
            }
            from = at + open.len();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(html: &str) -> Flow {
        read(Path::new("a.html"), html, &Limits::default(), &Cancel::new()).unwrap()
    }

    fn texts(html: &str) -> Vec<String> {
        flow(html).blocks.into_iter().map(|block| block.text).collect()
    }

    #[test]
    fn text_is_kept_and_scripts_and_styles_are_not() {
        let page = "<!doctype html><html><head><title>The  page</title><style>p{}</style></head><body>\
                    <h1>Head</h1><p>One <b>bold</b>\n word&amp;more.<br>Next line<script>if (a<b) x()</script></p>\
                    <ul><li>a<li>b</ul><pre>x = 1\n  y</pre>\
                    <table><tr><td>k</td><td>v</td></tr></table>tail <img alt='a cat'></body>";
        assert_eq!(
            texts(page),
            ["Head", "One bold word&more.\nNext line", "• a", "• b", "x = 1\n  y", "k | v", "tail a cat"]
        );
        assert_eq!(flow(page).title.as_deref(), Some("The page"));
        assert_eq!(flow(page).blocks[0].kind, BlockKind::Heading);
    }

    #[test]
    fn an_empty_title_of_xhtml_does_not_swallow_the_page() {
        assert_eq!(texts("<html><head><title/></head><body><p>Here</p></body></html>"), ["Here"]);
    }

    #[test]
    fn deep_nesting_is_refused_quickly_and_open_ends_are_no_nesting() {
        let started = std::time::Instant::now();
        let deep = "<div>".repeat(200_000);
        let error = read(Path::new("a.html"), &deep, &Limits::default(), &Cancel::new()).unwrap_err();
        assert!(error.to_string().contains("the limit is 256 levels"), "{error}");
        assert!(started.elapsed().as_secs() < 5);
        assert_eq!(texts(&"<p>x".repeat(1000)).len(), 1000);
    }

    #[test]
    fn a_text_without_any_tag_is_one_paragraph() {
        assert_eq!(texts("just words < and > signs"), ["just words < and > signs"]);
    }
}
