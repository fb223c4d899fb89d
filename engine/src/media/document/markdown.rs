//! Markdown → paragraphs, without its marks.

use std::path::Path;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{BlockKind, Flow, html, too_deep};
use crate::error::Result;
use crate::media::Limits;

/// Reads Markdown; HTML inside it is read as HTML.
pub(super) fn read(path: &Path, text: &str, limits: &Limits) -> Result<Flow> {
    let mut flow = Flow::default();
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let (mut current, mut depth, mut kind, mut raw) = (String::new(), 0, BlockKind::Paragraph, String::new());
    let mut skipped = 0;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(tag) => {
                depth += 1;
                if depth > limits.nesting {
                    return Err(too_deep(path, limits));
                }
                match tag {
                    Tag::Heading { .. } => kind = BlockKind::Heading,
                    Tag::Item => {
                        flow.push(&std::mem::take(&mut current), BlockKind::Paragraph);
                        current.push_str("• ");
                    }
                    Tag::List(_) => flow.push(&std::mem::take(&mut current), BlockKind::Paragraph),
                    Tag::MetadataBlock(_) => skipped += 1,
                    _ => {}
                }
            }
            Event::End(tag) => {
                depth -= 1;
                match tag {
                    TagEnd::TableCell => current.push_str(" | "),
                    TagEnd::TableHead | TagEnd::TableRow => {
                        let row = std::mem::take(&mut current);
                        flow.push(row.trim_end_matches([' ', '|']), BlockKind::Paragraph);
                    }
                    TagEnd::Heading(level) => {
                        let heading = std::mem::take(&mut current);
                        if level == pulldown_cmark::HeadingLevel::H1 && flow.title.is_none() {
                            flow.title = Some(heading.clone());
                        }
                        flow.push(&heading, kind);
                        kind = BlockKind::Paragraph;
                    }
                    TagEnd::HtmlBlock => {
                        let inner =
                            html::read(path, &std::mem::take(&mut raw), limits, &crate::Cancel::new())?;
                        flow.blocks.extend(inner.blocks);
                    }
                    TagEnd::MetadataBlock(_) => skipped -= 1,
                    TagEnd::Paragraph | TagEnd::Item | TagEnd::CodeBlock | TagEnd::FootnoteDefinition => {
                        flow.push(&std::mem::take(&mut current), BlockKind::Paragraph);
                    }
                    _ => {}
                }
            }
            _ if skipped > 0 => {}
            Event::Text(text) | Event::Code(text) => current.push_str(&text),
            Event::Html(html) => raw.push_str(&html),
            Event::SoftBreak => current.push(' '),
            Event::HardBreak => current.push('\n'),
            Event::TaskListMarker(done) => current.push_str(if done { "[x] " } else { "[ ] " }),
            _ => {}
        }
    }
    flow.push(&current, BlockKind::Paragraph);
    Ok(flow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(markdown: &str) -> Vec<String> {
        let flow = read(Path::new("a.md"), markdown, &Limits::default()).unwrap();
        flow.blocks.into_iter().map(|block| block.text).collect()
    }

    #[test]
    fn marks_go_and_words_stay() {
        let text = "---\nkey: v\n---\n# The *title*\n\nOne **bold**\nline with `code` and [a link](http://x).\n\n\
                    - first\n- second\n  - inner\n\n```\nlet a = 1;\nlet b = 2;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\
                    <div>Some <b>html</b></div>\n";
        assert_eq!(
            texts(text),
            [
                "The title",
                "One bold line with code and a link.",
                "• first",
                "• second",
                "• inner",
                "let a = 1;\nlet b = 2;",
                "a | b",
                "1 | 2",
                "Some html"
            ]
        );
    }

    #[test]
    fn nesting_has_a_limit() {
        let limits = Limits { nesting: 20, ..Limits::default() };
        let error = read(Path::new("a.md"), &"> ".repeat(100), &limits).unwrap_err();
        assert!(error.to_string().contains("more than 20 levels"), "{error}");
    }
}
