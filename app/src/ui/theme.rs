//! Design tokens: colours, spacing, type, states, motion. The only file with colour literals;
//! `docs/visual-language.md` says why they are as they are.

use egui::style::ScrollAnimation;
use egui::{Color32, CornerRadius, FontId, Margin, Stroke, TextStyle, ThemePreference, Vec2};

pub use super::look::{Look, Paint};
use crate::state::{Colour, Contrast, Motion, Settings, Theme};

/// Distances in points.
pub mod space {
    /// Between lines of one thing, and between an icon and its edge.
    pub const XXS: i8 = 2;
    /// Between things that belong together.
    pub const XS: i8 = 4;
    /// Inside small things.
    pub const S: i8 = 8;
    /// Inside cards.
    pub const M: i8 = 12;
    /// Between groups.
    pub const L: i8 = 20;
    /// Around the page.
    pub const XL: i8 = 32;
}

/// Height of every button, field and row that can be clicked.
pub const CONTROL: f32 = 32.0;

/// Widest column of text.
pub const COLUMN: f32 = 760.0;

/// Roundness of cards and buttons.
pub const RADIUS: u8 = 8;

/// Roundness of bars and marks.
pub const RADIUS_SMALL: u8 = 2;

/// Roundness of sheets and windows.
pub const RADIUS_LARGE: u8 = 12;

/// Width and height of an icon beside words.
pub const ICON: f32 = 18.0;

/// Room between the edge of a square button and its icon.
pub const ICON_INSET: f32 = 7.0;

/// Height of a bar that shows how far something is.
pub const BAR: f32 = 4.0;

/// Widths of lines in points.
pub mod stroke {
    /// Around things.
    pub const LINE: f32 = 1.0;
    /// Around things in high contrast.
    pub const HEAVY: f32 = 2.0;
    /// Around what the keyboard would press.
    pub const FOCUS: f32 = 2.0;
}

/// Widths of panes that lie over the window, and what decides how they are laid out.
pub mod sheet {
    /// A question or one field.
    pub const NARROW: f32 = 520.0;
    /// A list.
    pub const WIDE: f32 = 640.0;
    /// A list whose rows have much to say.
    pub const BROAD: f32 = 780.0;
    /// A window below this width has panes from edge to edge, and their rows below each other.
    pub const SMALL_WINDOW: f32 = 520.0;
}

/// How long things take, in seconds. Nothing moves by itself: a window in which nothing happens draws nothing.
pub mod motion {
    /// Before a tooltip.
    pub const TOOLTIP_S: f32 = 0.4;
    /// How long a message stays.
    pub const TOAST_S: f64 = 6.0;
    /// How long a message stays in which something can be done.
    pub const ACTION_S: f64 = 10.0;
}

/// Text sizes.
pub mod size {
    /// Captions.
    pub const SMALL: f32 = 12.5;
    /// Code, keys.
    pub const MONO: f32 = 13.5;
    /// Words on buttons and in lists.
    pub const CONTROL: f32 = 14.0;
    /// Text.
    pub const BODY: f32 = 15.0;
    /// Titles of panes.
    pub const TITLE: f32 = 17.0;
    /// The greeting.
    pub const DISPLAY: f32 = 26.0;
}

/// Colours by their role.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Palette {
    /// Behind the conversation.
    pub ground: Color32,
    /// Behind the list of conversations.
    pub sidebar: Color32,
    /// Cards and panes.
    pub raised: Color32,
    /// A card under the pointer.
    pub hovered: Color32,
    /// The selected row.
    pub selected: Color32,
    /// The user's words.
    pub question: Color32,
    /// Fields.
    pub field: Color32,
    /// Lines between things.
    pub line: Color32,
    /// Lines around what can be pressed or typed into; at least 3:1 on every ground.
    pub edge: Color32,
    /// Text; at least 7:1 on every ground.
    pub text: Color32,
    /// Emphasised text: the bundled font has one weight, so emphasis is contrast.
    pub strong: Color32,
    /// Less important text; at least 4.5:1 on every ground.
    pub weak: Color32,
    /// Things to act on, focus, boxes.
    pub accent: Color32,
    /// Text on `accent`.
    pub on_accent: Color32,
    /// Behind a quote.
    pub mark: Color32,
    /// What needs attention.
    pub warn: Color32,
    /// What failed.
    pub error: Color32,
    /// Over the window while files are dragged.
    pub veil: Color32,
    /// Dots that tell speakers apart, also for people who see few colours: neighbours differ in lightness, too, and
    /// every dot has its name beside it. At least 3:1 on every ground.
    pub speakers: [Color32; 8],
}

const LIGHT: Palette = Palette {
    ground: Color32::from_rgb(0xff, 0xff, 0xff),
    sidebar: Color32::from_rgb(0xf3, 0xf4, 0xf7),
    raised: Color32::from_rgb(0xf8, 0xf9, 0xfb),
    hovered: Color32::from_rgb(0xec, 0xee, 0xf3),
    selected: Color32::from_rgb(0xdf, 0xe5, 0xf4),
    question: Color32::from_rgb(0xed, 0xf1, 0xfb),
    field: Color32::from_rgb(0xff, 0xff, 0xff),
    line: Color32::from_rgb(0xd9, 0xdd, 0xe4),
    edge: Color32::from_rgb(0x75, 0x7e, 0x8e),
    text: Color32::from_rgb(0x2c, 0x32, 0x3d),
    strong: Color32::from_rgb(0x00, 0x00, 0x00),
    weak: Color32::from_rgb(0x55, 0x5e, 0x6c),
    accent: Color32::from_rgb(0x2f, 0x57, 0xc8),
    on_accent: Color32::from_rgb(0xff, 0xff, 0xff),
    mark: Color32::from_rgb(0xff, 0xe7, 0xa0),
    warn: Color32::from_rgb(0x8a, 0x56, 0x00),
    error: Color32::from_rgb(0xb4, 0x23, 0x2c),
    veil: Color32::from_rgba_unmultiplied_const(0xff, 0xff, 0xff, 0xe0),
    speakers: [
        Color32::from_rgb(0x00, 0x6c, 0xb0),
        Color32::from_rgb(0xc4, 0x5a, 0x00),
        Color32::from_rgb(0x11, 0x5e, 0x2c),
        Color32::from_rgb(0xb8, 0x4d, 0xa6),
        Color32::from_rgb(0x5a, 0x3d, 0x00),
        Color32::from_rgb(0x00, 0x80, 0x80),
        Color32::from_rgb(0x6e, 0x1a, 0x46),
        Color32::from_rgb(0x70, 0x70, 0x78),
    ],
};

const DARK: Palette = Palette {
    ground: Color32::from_rgb(0x17, 0x19, 0x1e),
    sidebar: Color32::from_rgb(0x10, 0x12, 0x16),
    raised: Color32::from_rgb(0x1e, 0x21, 0x28),
    hovered: Color32::from_rgb(0x2a, 0x2e, 0x37),
    selected: Color32::from_rgb(0x2c, 0x35, 0x4c),
    question: Color32::from_rgb(0x25, 0x2d, 0x40),
    field: Color32::from_rgb(0x1e, 0x21, 0x28),
    line: Color32::from_rgb(0x35, 0x3a, 0x45),
    edge: Color32::from_rgb(0x7d, 0x86, 0x98),
    text: Color32::from_rgb(0xd4, 0xd8, 0xdf),
    strong: Color32::from_rgb(0xff, 0xff, 0xff),
    weak: Color32::from_rgb(0xa2, 0xaa, 0xb8),
    accent: Color32::from_rgb(0x8c, 0xab, 0xff),
    on_accent: Color32::from_rgb(0x10, 0x16, 0x26),
    mark: Color32::from_rgb(0x6a, 0x56, 0x14),
    warn: Color32::from_rgb(0xf0, 0xb8, 0x5c),
    error: Color32::from_rgb(0xff, 0x8f, 0x8f),
    veil: Color32::from_rgba_unmultiplied_const(0x10, 0x12, 0x16, 0xe0),
    speakers: [
        Color32::from_rgb(0x5b, 0x9f, 0xe6),
        Color32::from_rgb(0xf5, 0xb0, 0x70),
        Color32::from_rgb(0x4f, 0xae, 0x6c),
        Color32::from_rgb(0xf5, 0xb5, 0xe6),
        Color32::from_rgb(0xb0, 0x98, 0x3c),
        Color32::from_rgb(0x7f, 0xdc, 0xd2),
        Color32::from_rgb(0xc0, 0x7a, 0x9e),
        Color32::from_rgb(0xd4, 0xd4, 0xdc),
    ],
};

/// The colours of what is printed.
pub fn printed() -> &'static Palette {
    &LIGHT
}

/// Every text at least 7:1, every line at least 4.5:1.
const LIGHT_HIGH: Palette = Palette {
    ground: Color32::from_rgb(0xff, 0xff, 0xff),
    sidebar: Color32::from_rgb(0xff, 0xff, 0xff),
    raised: Color32::from_rgb(0xff, 0xff, 0xff),
    hovered: Color32::from_rgb(0xe6, 0xec, 0xff),
    selected: Color32::from_rgb(0xcf, 0xdc, 0xff),
    question: Color32::from_rgb(0xf2, 0xf2, 0xf2),
    field: Color32::from_rgb(0xff, 0xff, 0xff),
    line: Color32::from_rgb(0x3d, 0x3d, 0x3d),
    edge: Color32::from_rgb(0x1f, 0x1f, 0x1f),
    text: Color32::from_rgb(0x00, 0x00, 0x00),
    strong: Color32::from_rgb(0x00, 0x00, 0x00),
    weak: Color32::from_rgb(0x2b, 0x2b, 0x2b),
    accent: Color32::from_rgb(0x0a, 0x2f, 0x8f),
    on_accent: Color32::from_rgb(0xff, 0xff, 0xff),
    mark: Color32::from_rgb(0xff, 0xe0, 0x66),
    warn: Color32::from_rgb(0x5c, 0x38, 0x00),
    error: Color32::from_rgb(0x8a, 0x00, 0x10),
    veil: Color32::from_rgba_unmultiplied_const(0xff, 0xff, 0xff, 0xf4),
    speakers: LIGHT.speakers,
};

/// As [`LIGHT_HIGH`], on black.
const DARK_HIGH: Palette = Palette {
    ground: Color32::from_rgb(0x00, 0x00, 0x00),
    sidebar: Color32::from_rgb(0x00, 0x00, 0x00),
    raised: Color32::from_rgb(0x0a, 0x0a, 0x0a),
    hovered: Color32::from_rgb(0x2b, 0x2b, 0x2b),
    selected: Color32::from_rgb(0x16, 0x2f, 0x5c),
    question: Color32::from_rgb(0x1a, 0x1a, 0x1a),
    field: Color32::from_rgb(0x00, 0x00, 0x00),
    line: Color32::from_rgb(0xb4, 0xb4, 0xb4),
    edge: Color32::from_rgb(0xd8, 0xd8, 0xd8),
    text: Color32::from_rgb(0xff, 0xff, 0xff),
    strong: Color32::from_rgb(0xff, 0xff, 0xff),
    weak: Color32::from_rgb(0xe4, 0xe4, 0xe4),
    accent: Color32::from_rgb(0xff, 0xd8, 0x4a),
    on_accent: Color32::from_rgb(0x00, 0x00, 0x00),
    mark: Color32::from_rgb(0x4a, 0x3a, 0x00),
    warn: Color32::from_rgb(0xff, 0xcf, 0x6e),
    error: Color32::from_rgb(0xff, 0xc4, 0xc4),
    veil: Color32::from_rgba_unmultiplied_const(0x00, 0x00, 0x00, 0xf4),
    speakers: DARK.speakers,
};

/// The colours that are in use.
pub fn palette(ui: &egui::Ui) -> &'static Palette {
    let visuals = ui.visuals();
    // High contrast has heavy lines, and that is how it is known.
    match (visuals.dark_mode, visuals.window_stroke.width >= stroke::HEAVY) {
        (false, false) => &LIGHT,
        (true, false) => &DARK,
        (false, true) => &LIGHT_HIGH,
        (true, true) => &DARK_HIGH,
    }
}

/// The colour of a speaker.
pub fn speaker(ui: &egui::Ui, id: u32) -> Color32 {
    let speakers = palette(ui).speakers;
    speakers[id as usize % speakers.len()]
}

/// Over the lines of a page, which is white in both themes.
pub fn page_mark() -> Color32 {
    Color32::from_rgba_unmultiplied(0xff, 0xc8, 0x00, 0x60)
}

/// A sheet of paper before it is drawn: white in both themes, as the drawn page is.
pub fn paper() -> Color32 {
    Color32::from_rgb(0xff, 0xff, 0xff)
}

/// Text on such a sheet.
pub fn on_paper() -> Color32 {
    Color32::from_rgb(0x55, 0x5e, 0x6c)
}

/// The colour of a highlight, for dots and bars.
pub fn mark_dot(colour: Colour) -> Color32 {
    match colour {
        Colour::Yellow => Color32::from_rgb(0xf2, 0xc2, 0x1a),
        Colour::Green => Color32::from_rgb(0x5d, 0xc2, 0x5b),
        Colour::Blue => Color32::from_rgb(0x52, 0xa9, 0xee),
        Colour::Pink => Color32::from_rgb(0xee, 0x7d, 0xb5),
    }
}

/// The colour of a highlight: over the lines of a page, or behind text in our own colours.
pub fn highlight(ui: &egui::Ui, colour: Colour, on_paper: bool) -> Color32 {
    let dot = mark_dot(colour);
    match (on_paper, ui.visuals().dark_mode) {
        (true, _) => dot.gamma_multiply(0.36),
        (false, false) => dot.gamma_multiply(0.40),
        (false, true) => dot.gamma_multiply(0.34),
    }
}

/// Under the quote of an answer.
pub fn quote(ui: &egui::Ui, on_paper: bool) -> Color32 {
    if on_paper { page_mark() } else { palette(ui).mark }
}

/// Under what was found.
pub fn hit(ui: &egui::Ui, on_paper: bool) -> Color32 {
    let alpha = if on_paper || !ui.visuals().dark_mode { 0x58 } else { 0x60 };
    Color32::from_rgba_unmultiplied(0xff, 0x8a, 0x1f, alpha)
}

/// Around what was found and is shown.
pub fn hit_line() -> Color32 {
    Color32::from_rgb(0xd9, 0x5f, 0x02)
}

/// Under selected text.
pub fn selected_text(ui: &egui::Ui, on_paper: bool) -> Color32 {
    let accent = if on_paper { LIGHT.accent } else { palette(ui).accent };
    accent.gamma_multiply(0.30)
}

/// Behind a token that the model gave this probability: nothing where it was sure, darker the less sure it was.
pub fn unsure(ui: &egui::Ui, probability: f32) -> Color32 {
    let doubt = (1.0 - probability.clamp(0.0, 1.0)).powf(0.8);
    palette(ui).warn.gamma_multiply(0.42 * doubt)
}

/// A cell of a map of shares, 0 to 1: the ground where nothing is, the accent where all is.
pub fn heat(ui: &egui::Ui, share: f32) -> Color32 {
    let p = palette(ui);
    // Small shares are told apart, too.
    let t = share.clamp(0.0, 1.0).sqrt();
    egui::lerp(egui::Rgba::from(p.hovered)..=egui::Rgba::from(p.accent), t).into()
}

/// Outer and inner line of a box on a picture.
pub fn box_lines() -> (Color32, Color32) {
    (Color32::from_black_alpha(0xb0), Color32::from_rgb(0xff, 0xd2, 0x3f))
}

/// What of the settings decides how the window looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appearance {
    theme: Theme,
    contrast: Contrast,
    motion: Motion,
    text_percent: u32,
}

impl From<&Settings> for Appearance {
    fn from(s: &Settings) -> Self {
        Self { theme: s.theme, contrast: s.contrast, motion: s.motion, text_percent: s.text_percent }
    }
}

/// Words over a film.
pub fn on_film() -> Color32 {
    Color32::WHITE
}

/// Behind words over a film.
pub fn behind_film_text() -> Color32 {
    Color32::from_black_alpha(0xb8)
}

/// Sets both styles, once.
pub fn install(ctx: &egui::Context) {
    set_styles(ctx, Contrast::Normal);
    // Our own commands change the size of text, and the settings keep it.
    ctx.options_mut(|options| options.zoom_with_keyboard = false);
}

/// Switches to what the settings say; `before` is what was applied last.
pub fn apply(ctx: &egui::Context, before: Option<Appearance>, now: Appearance) {
    if before.map_or(Contrast::Normal, |before| before.contrast) != now.contrast {
        set_styles(ctx, now.contrast);
    }
    if before.map_or(Motion::Normal, |before| before.motion) != now.motion {
        ctx.all_styles_mut(|style| {
            style.scroll_animation = match now.motion {
                Motion::Normal => ScrollAnimation::default(),
                Motion::Reduced => ScrollAnimation::none(),
            };
        });
    }
    ctx.set_theme(match now.theme {
        Theme::System => ThemePreference::System,
        Theme::Light => ThemePreference::Light,
        Theme::Dark => ThemePreference::Dark,
    });
    ctx.set_zoom_factor(now.text_percent as f32 / 100.0);
    // What was drawn of this frame has the colours of before.
    ctx.request_repaint();
}

fn set_styles(ctx: &egui::Context, contrast: Contrast) {
    let (light, dark, line) = match contrast {
        Contrast::Normal => (&LIGHT, &DARK, stroke::LINE),
        Contrast::High => (&LIGHT_HIGH, &DARK_HIGH, stroke::HEAVY),
    };
    for (theme, palette) in [(egui::Theme::Light, light), (egui::Theme::Dark, dark)] {
        ctx.style_mut_of(theme, |style| style_of(style, palette, line));
    }
}

fn style_of(style: &mut egui::Style, p: &Palette, line: f32) {
    style.text_styles = [
        (TextStyle::Small, FontId::proportional(size::SMALL)),
        (TextStyle::Body, FontId::proportional(size::BODY)),
        (TextStyle::Button, FontId::proportional(size::CONTROL)),
        (TextStyle::Heading, FontId::proportional(size::TITLE)),
        (TextStyle::Monospace, FontId::monospace(size::MONO)),
    ]
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::splat(f32::from(space::S));
    spacing.button_padding = Vec2::new(f32::from(space::M), 6.0);
    spacing.interact_size = Vec2::new(CONTROL, CONTROL);
    spacing.window_margin = Margin::same(space::L);
    spacing.menu_margin = Margin::same(space::S);
    spacing.tooltip_width = 340.0;
    spacing.extra_text_line_spacing = 3.0;
    spacing.scroll.floating = true;
    // A moving fade would repaint while nothing happens.
    style.animation_time = 0.0;
    style.interaction.tooltip_delay = motion::TOOLTIP_S;

    let v = &mut style.visuals;
    let radius = CornerRadius::same(RADIUS);
    v.panel_fill = p.ground;
    v.window_fill = p.raised;
    v.window_stroke = Stroke::new(line, p.line);
    v.window_corner_radius = CornerRadius::same(RADIUS_LARGE);
    v.menu_corner_radius = radius;
    v.extreme_bg_color = p.field;
    v.faint_bg_color = p.raised;
    v.code_bg_color = p.hovered;
    v.hyperlink_color = p.accent;
    v.warn_fg_color = p.warn;
    v.error_fg_color = p.error;
    v.weak_text_color = Some(p.weak);
    v.selection.bg_fill = p.accent.gamma_multiply(0.35);
    v.selection.stroke = Stroke::new(stroke::FOCUS, p.accent);
    v.text_cursor.stroke = Stroke::new(2.0, p.accent);
    // A blinking cursor would repaint for ever.
    v.text_cursor.blink = false;
    v.button_frame = true;
    let widgets = &mut v.widgets;
    let rest = p.plain(Look::Rest);
    for (state, paint) in [
        (&mut widgets.noninteractive, Paint { line: p.line, ..rest }),
        (&mut widgets.inactive, rest),
        (&mut widgets.hovered, p.plain(Look::Hovered)),
        (&mut widgets.active, p.plain(Look::Pressed)),
        (&mut widgets.open, p.plain(Look::Hovered)),
    ] {
        state.bg_fill = paint.fill;
        state.weak_bg_fill = paint.fill;
        state.bg_stroke = Stroke::new(line, paint.line);
        state.fg_stroke = Stroke::new(line, paint.ink);
        state.corner_radius = radius;
        state.expansion = 0.0;
    }
    // What has the keyboard is drawn as what is being pressed.
    widgets.active.bg_stroke.width = stroke::FOCUS;
    // The rails of sliders.
    widgets.inactive.bg_fill = p.line;
    v.slider_trailing_fill = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(c: Color32) -> f64 {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(c.r()) + 0.7152 * linear(c.g()) + 0.0722 * linear(c.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    const LOOKS: [Look; 5] = [Look::Rest, Look::Hovered, Look::Pressed, Look::Selected, Look::Disabled];

    /// Name, colours, and the least contrast of text, of all other words, and of lines.
    const PALETTES: [(&str, Palette, [f64; 3]); 4] = [
        ("light", LIGHT, [7.0, 4.5, 3.0]),
        ("dark", DARK, [7.0, 4.5, 3.0]),
        ("light, high contrast", LIGHT_HIGH, [7.0, 7.0, 4.5]),
        ("dark, high contrast", DARK_HIGH, [7.0, 7.0, 4.5]),
    ];

    fn grounds(p: &Palette) -> [Color32; 7] {
        [p.ground, p.sidebar, p.raised, p.hovered, p.selected, p.question, p.field]
    }

    /// WCAG 2.2: 1.4.3, 1.4.6 for text itself and for everything in high contrast, 1.4.11 for lines.
    #[test]
    fn text_and_controls_can_be_seen_on_every_ground_in_every_palette() {
        for (name, p, [text, words, lines]) in PALETTES {
            for ground in grounds(&p) {
                let least = |what: &str, colour, least| {
                    let ratio = contrast(colour, ground);
                    assert!(ratio >= least, "{name}: {what} {colour:?} on {ground:?} is {ratio:.2}");
                };
                least("text", p.text, text);
                least("strong", p.strong, text);
                for (what, colour) in [("weak", p.weak), ("warn", p.warn), ("error", p.error)] {
                    least(what, colour, words);
                }
                // The accent is also the line around what has the keyboard.
                least("accent", p.accent, words);
                least("edge", p.edge, lines);
                // Next to each other one speaker is clearly lighter.
                for (i, speaker) in p.speakers.into_iter().enumerate() {
                    least("speaker", speaker, 3.0);
                    let next = p.speakers[(i + 1) % p.speakers.len()];
                    assert!(contrast(speaker, next) >= 1.12, "{name}: speakers {i} and {}", i + 1);
                }
            }
            assert!(contrast(p.text, p.mark) >= 4.5, "{name} quote");
        }
    }

    #[test]
    fn words_on_controls_can_be_read_in_every_state() {
        for (name, p, [_, words, _]) in PALETTES {
            for look in LOOKS {
                // What cannot be used need not reach it (1.4.3), but must be found.
                let least = if look == Look::Disabled { 2.0 } else { words };
                for (kind, paint) in [("plain", p.plain(look)), ("inviting", p.inviting(look))] {
                    let ratio = contrast(paint.ink, paint.fill);
                    assert!(ratio >= least, "{name}: {kind} {look:?} is {ratio:.2}");
                }
            }
        }
    }

    #[test]
    fn states_can_be_told_apart_without_their_order() {
        for (name, p, _) in PALETTES {
            for (i, a) in LOOKS.into_iter().enumerate() {
                for b in LOOKS.into_iter().skip(i + 1) {
                    // A selected control looks pressed.
                    if (a, b) != (Look::Pressed, Look::Selected) {
                        assert_ne!(p.plain(a), p.plain(b), "{name}: {a:?} and {b:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_widget_finds_the_palette_of_the_settings() {
        let ctx = egui::Context::default();
        install(&ctx);
        let mut before = None;
        for (theme, contrast, expected) in [
            (Theme::Light, Contrast::Normal, &LIGHT),
            (Theme::Dark, Contrast::High, &DARK_HIGH),
            (Theme::Light, Contrast::High, &LIGHT_HIGH),
            (Theme::Dark, Contrast::Normal, &DARK),
        ] {
            let now = Appearance::from(&Settings { theme, contrast, ..Settings::default() });
            apply(&ctx, before, now);
            before = Some(now);
            let mut found = None;
            drop(ctx.run_ui(egui::RawInput::default(), |ui: &mut egui::Ui| found = Some(*palette(ui))));
            assert_eq!(found.as_ref(), Some(expected), "{theme:?} {contrast:?}");
        }
    }

    #[test]
    fn reduced_motion_jumps_where_text_would_slide() {
        let ctx = egui::Context::default();
        install(&ctx);
        let still = Appearance::from(&Settings { motion: Motion::Reduced, ..Settings::default() });
        apply(&ctx, None, still);
        assert_eq!(ctx.global_style().scroll_animation, ScrollAnimation::none());
        apply(&ctx, Some(still), Appearance::from(&Settings::default()));
        assert_eq!(ctx.global_style().scroll_animation, ScrollAnimation::default());
    }
}
