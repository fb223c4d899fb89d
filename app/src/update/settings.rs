//! What the user chose.

use crate::App;
use crate::say;
use crate::state::Settings;
use crate::storage::Write;

/// Takes new settings and keeps them.
pub(super) fn set(app: &mut App, mut settings: Settings) {
    let (low, high) = (*Settings::TEXT_PERCENT.start(), *Settings::TEXT_PERCENT.end());
    settings.text_percent = settings.text_percent.clamp(low, high);
    settings.max_tokens = settings.max_tokens.clamp(1, 32_768);
    settings.temperature = settings.temperature.clamp(0.0, 2.0);
    settings.unload_after_min = settings.unload_after_min.min(24 * 60);
    if settings.unload_after_min != app.state.settings.unload_after_min {
        super::models::keep_for(app, settings.unload_after_min);
    }
    let before = &app.state.settings;
    if settings.model != before.model && settings.adapter == before.adapter {
        // What was made for the other model does not fit this one.
        settings.adapter = None;
    }
    app.state.settings = settings;
    super::models::refresh(app);
    super::attach::read_waiting(app);
    match serde_json::to_string(&app.state.settings) {
        Ok(json) => app.storage.write(Write::Setting("window", json)),
        Err(error) => app.state.say(say!("settings-not-saved", error = error.to_string())),
    }
}

/// Makes text larger or smaller by some percent.
pub(super) fn step_text(app: &mut App, step: i32) {
    let text_percent = app.state.settings.text_percent.saturating_add_signed(step);
    set(app, Settings { text_percent, ..app.state.settings.clone() });
}
