//! The names of keys in the person's language.

use super::say;

/// A shortcut such as "Ctrl+Shift+Delete" or "Left, Right" with the names that stand on the person's keyboard.
pub fn keys(shortcut: &str) -> String {
    let mut text = String::with_capacity(shortcut.len());
    let mut word = String::new();
    for c in shortcut.chars() {
        if c.is_ascii_alphanumeric() {
            word.push(c);
        } else {
            text.push_str(key(&std::mem::take(&mut word)).as_ref());
            text.push(c);
        }
    }
    text.push_str(key(&word).as_ref());
    text
}

fn key(name: &str) -> std::borrow::Cow<'static, str> {
    let id = match name {
        "Ctrl" => "common-key-ctrl",
        "Alt" => "common-key-alt",
        "Shift" => "common-key-shift",
        "Enter" => "common-key-enter",
        "Escape" | "Esc" => "common-key-escape",
        "Tab" => "common-key-tab",
        "Space" => "common-key-space",
        "Backspace" => "common-key-backspace",
        "Delete" => "common-key-delete",
        "Home" => "common-key-home",
        "End" => "common-key-end",
        "PageUp" => "common-key-page-up",
        "PageDown" => "common-key-page-down",
        "Left" => "common-key-left",
        "Right" => "common-key-right",
        "Up" => "common-key-up",
        "Down" => "common-key-down",
        "arrows" => "common-key-arrows",
        "to" => "common-key-to",
        "or" => "common-key-or",
        other => return other.to_owned().into(),
    };
    say(id).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Language, set_language};

    #[test]
    fn keys_have_the_names_that_stand_on_them() {
        assert_eq!(keys("Ctrl+Shift+Delete"), "Ctrl+Shift+Delete");
        assert_eq!(keys("H or 1 to 4, N"), "H or 1 to 4, N");
        set_language(Language::German);
        assert_eq!(keys("Ctrl+Shift+Delete"), "Strg+Umschalt+Entf");
        assert_eq!(keys("Ctrl++, Ctrl+−"), "Strg++, Strg+−");
        assert_eq!(keys("Left, Right"), "Links, Rechts");
    }
}
