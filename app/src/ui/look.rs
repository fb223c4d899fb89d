//! The states of controls, in colours of the palette.

use egui::{Color32, Response};

use super::theme::Palette;

/// What a control is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing.
    Rest,
    /// The pointer is on it.
    Hovered,
    /// It is being pressed.
    Pressed,
    /// It is the chosen one of several.
    Selected,
    /// It cannot be used now.
    Disabled,
}

impl Look {
    /// Of a control that was laid out.
    pub fn of(response: &Response, enabled: bool, selected: bool) -> Self {
        match (enabled, response.is_pointer_button_down_on(), selected) {
            (false, ..) => Self::Disabled,
            (_, true, _) => Self::Pressed,
            (_, _, true) => Self::Selected,
            _ if response.hovered() => Self::Hovered,
            _ => Self::Rest,
        }
    }
}

/// The colours of a control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paint {
    /// Its ground.
    pub fill: Color32,
    /// Its line.
    pub line: Color32,
    /// Its words and icons.
    pub ink: Color32,
}

impl Palette {
    /// A control among others.
    pub fn plain(&self, look: Look) -> Paint {
        let (fill, line, ink) = match look {
            Look::Rest => (self.raised, self.edge, self.text),
            Look::Hovered => (self.hovered, self.edge, self.text),
            Look::Pressed | Look::Selected => (self.selected, self.accent, self.strong),
            Look::Disabled => (self.raised, self.line, self.faint()),
        };
        Paint { fill, line, ink }
    }

    /// The one control of a pane that most people want.
    pub fn inviting(&self, look: Look) -> Paint {
        // Towards the text colour, so that the words on it become clearer, not weaker.
        let (fill, ink) = match look {
            Look::Rest | Look::Selected => (self.accent, self.on_accent),
            Look::Hovered => (self.accent.lerp_to_gamma(self.text, 0.12), self.on_accent),
            Look::Pressed => (self.accent.lerp_to_gamma(self.text, 0.24), self.on_accent),
            Look::Disabled => (self.hovered, self.faint()),
        };
        Paint { fill, line: fill, ink }
    }

    /// What cannot be used: still there to be found, but clearly less than `weak`.
    pub fn faint(&self) -> Color32 {
        self.weak.lerp_to_gamma(self.ground, 0.35)
    }
}
