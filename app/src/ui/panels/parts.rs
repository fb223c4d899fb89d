//! What each section of the files says, under an answer from all of them.

use egui::{CollapsingHeader, RichText, Ui};
use engine::{Evidence, Part, Place};

use crate::command::{Command, Commands};
use crate::state::{Exchange, file_name};
use crate::ui::theme::{self, size, space};
use crate::ui::widgets::place_text;

/// Draws the notes, open while they come.
pub fn parts_ui(ui: &mut Ui, exchange: &Exchange, commands: &Commands) {
    let answer = &exchange.answer;
    if answer.parts.is_empty() {
        return;
    }
    let palette = theme::palette(ui);
    ui.add_space(f32::from(space::S));
    let n = answer.parts.len();
    let title = if n == 1 { "Note from one section".to_owned() } else { format!("Notes from {n} sections") };
    let title = RichText::new(title).size(size::SMALL).color(palette.weak);
    // What was noted is all there is of an answer that was stopped.
    let open = answer.text.is_empty();
    CollapsingHeader::new(title).id_salt("parts").default_open(open).show(ui, |ui| {
        for part in &answer.parts {
            part_ui(ui, part, exchange, commands);
        }
    });
}

fn part_ui(ui: &mut Ui, part: &Part, exchange: &Exchange, commands: &Commands) {
    let palette = theme::palette(ui);
    let mut source = format!("{}, {}", file_name(&part.source), range_text(&part.from, &part.to));
    if !part.heading.is_empty() {
        source.push_str(&format!("  ·  {}", part.heading));
    }
    let small = |text: String| RichText::new(text).size(size::SMALL);
    let evidence = exchange.answer.evidence.iter().position(|evidence| stands_in(evidence, part));
    match evidence.filter(|_| part.is_located) {
        Some(index) => {
            let link = ui.link(small(source).color(palette.accent)).on_hover_text("Show where it says so");
            if link.clicked() {
                commands.send(Command::OpenEvidence(exchange.id, index));
            }
            ui.label(RichText::new(&part.text).color(palette.text));
        }
        // What the section does not say looks different.
        None => {
            ui.label(small(format!("{source}  ·  no passage says this")).color(palette.warn));
            ui.label(RichText::new(&part.text).italics().color(palette.weak));
        }
    }
    ui.add_space(f32::from(space::S));
}

/// "pages 3 to 5", "0:12–1:40".
fn range_text(from: &Place, to: &Place) -> String {
    match (from, to) {
        (Place::Page { page: first, .. }, Place::Page { page: last, .. }) if first != last => {
            format!("pages {first} to {last}")
        }
        (Place::Time { start_s, .. }, Place::Time { end_s, .. }) => {
            place_text(&Place::Time { start_s: *start_s, end_s: *end_s })
        }
        _ => place_text(from),
    }
}

/// Whether evidence is from a section.
fn stands_in(evidence: &Evidence, part: &Part) -> bool {
    if evidence.source != part.source {
        return false;
    }
    match (&part.from, &evidence.place, &part.to) {
        (Place::Page { page: first, .. }, Place::Page { page, .. }, Place::Page { page: last, .. }) => {
            (first..=last).contains(&page)
        }
        (Place::Time { start_s, .. }, Place::Time { start_s: at_s, .. }, Place::Time { end_s, .. }) => {
            (start_s..=end_s).contains(&at_s)
        }
        (
            Place::Frame { time_s: first_s, .. },
            Place::Frame { time_s, .. },
            Place::Frame { time_s: last_s, .. },
        ) => (first_s..=last_s).contains(&time_s),
        (from, place, _) => from == place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(page: u32) -> Place {
        Place::Page { page, boxes: Vec::new() }
    }

    #[test]
    fn a_range_is_said_once() {
        assert_eq!(range_text(&page(3), &page(3)), "page 3");
        assert_eq!(range_text(&page(3), &page(5)), "pages 3 to 5");
        let (from, to) =
            (Place::Time { start_s: 5.0, end_s: 8.0 }, Place::Time { start_s: 60.0, end_s: 65.0 });
        assert_eq!(range_text(&from, &to), place_text(&Place::Time { start_s: 5.0, end_s: 65.0 }));
    }

    #[test]
    fn evidence_belongs_to_the_section_that_it_stands_in() {
        let part = Part {
            source: "a.pdf".into(),
            from: page(3),
            to: page(5),
            heading: String::new(),
            text: "It says so.".into(),
            is_located: true,
        };
        let at = |source: &str, place| Evidence {
            source: source.into(),
            place,
            quote: None,
            label: None,
            score: 1.0,
        };
        assert!(stands_in(&at("a.pdf", page(4)), &part));
        assert!(!stands_in(&at("a.pdf", page(6)), &part));
        assert!(!stands_in(&at("b.pdf", page(4)), &part));
    }
}
