//! What the window says, in the language that the person chose.
//!
//! Messages are Fluent files under `assets/languages/<language>/<area>.ftl`; their identifiers begin with the area.
//! `say("area-name")` is a message without variables, `say!("area-name", count = 3)` one with them. Sentences of the
//! engine, which name files and tell what failed, are English in every language, as is the command line.

mod find;

mod keys;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use serde::{Deserialize, Serialize};

pub use find::{fit, folded};
pub use keys::keys;

/// A language of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// As the desktop, English where that one is not spoken here.
    #[default]
    System,
    /// English.
    English,
    /// German.
    German,
    /// French.
    French,
}

impl Language {
    /// The choices, in the order of the settings.
    pub const ALL: [Self; 4] = [Self::System, Self::English, Self::German, Self::French];

    /// Its name in itself; that of the desktop's choice is a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => say("common-as-desktop"),
            Self::English => "English",
            Self::German => "Deutsch",
            Self::French => "Français",
        }
    }

    fn spoken(self) -> Spoken {
        match self {
            Self::System => *DESKTOP,
            Self::English => Spoken::English,
            Self::German => Spoken::German,
            Self::French => Spoken::French,
        }
    }
}

/// A language that has its messages here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    English,
    German,
    French,
}

impl Spoken {
    const ALL: [Self; 3] = [Self::English, Self::German, Self::French];

    const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
        }
    }

    /// From the value of a variable such as `LANG` (`de_CH.UTF-8`).
    fn of_locale(locale: &str) -> Option<Self> {
        let tag = locale.split(['_', '-', '.', '@']).next()?;
        Self::ALL.into_iter().find(|spoken| spoken.tag().eq_ignore_ascii_case(tag))
    }
}

/// The desktop's language, looked up in the order that POSIX names.
static DESKTOP: LazyLock<Spoken> = LazyLock::new(|| {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .and_then(|value| Spoken::of_locale(&value))
        .unwrap_or(Spoken::English)
});

macro_rules! areas {
    ($($area:literal),+ $(,)?) => {
        /// The files of each language.
        const AREAS: &[(&str, [&str; 3])] = &[$((
            $area,
            [
                include_str!(concat!("../../../assets/languages/en/", $area, ".ftl")),
                include_str!(concat!("../../../assets/languages/de/", $area, ".ftl")),
                include_str!(concat!("../../../assets/languages/fr/", $area, ".ftl")),
            ],
        )),+];
    };
}

areas!(
    "command",
    "common",
    "conversations",
    "inside",
    "library",
    "live",
    "media",
    "models",
    "reader",
    "settings",
    "teach",
    "transcript"
);

static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 3]> = LazyLock::new(|| {
    Spoken::ALL.map(|spoken| {
        let tag = spoken.tag().parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // The marks around variables would be drawn as boxes, and no language here is written right to left.
        bundle.set_use_isolating(false);
        for (area, files) in AREAS {
            // The tests read the same text and fail on every error, so none is left at run time.
            let resource = FluentResource::try_new(files[spoken as usize].to_owned()).unwrap_or_else(
                |(rest, errors)| {
                    log::error!("{area}.ftl ({}): {errors:?}", spoken.tag());
                    rest
                },
            );
            if let Err(errors) = bundle.add_resource(resource) {
                log::error!("{area}.ftl ({}): {errors:?}", spoken.tag());
            }
        }
        bundle
    })
});

thread_local! {
    // Each window is drawn on one thread, so windows of tests do not disturb one another.
    static CHOSEN: Cell<Language> = const { Cell::new(Language::English) };
    static KNOWN: RefCell<HashMap<(&'static str, &'static str), &'static str>> = RefCell::default();
}

/// Chooses the language of the calling thread's window.
pub fn set_language(language: Language) {
    CHOSEN.set(language);
}

/// A message without variables. One that is missing is its own identifier: the tests know all that are used.
pub fn say(id: &'static str) -> &'static str {
    let spoken = CHOSEN.get().spoken();
    KNOWN.with_borrow_mut(|known| {
        // Formatted once for each language and kept for good: there are a few hundred.
        *known.entry((spoken.tag(), id)).or_insert_with(|| match formatted(spoken, id, None) {
            Some(text) => text.leak(),
            None => id,
        })
    })
}

/// A message with variables, see [`say!`](crate::say).
pub fn say_with(id: &'static str, arguments: &FluentArgs<'_>) -> String {
    formatted(CHOSEN.get().spoken(), id, Some(arguments)).unwrap_or_else(|| id.to_owned())
}

fn formatted(spoken: Spoken, id: &str, arguments: Option<&FluentArgs<'_>>) -> Option<String> {
    let bundle = &BUNDLES[spoken as usize];
    let pattern = bundle.get_message(id)?.value()?;
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, arguments, &mut errors);
    if !errors.is_empty() {
        log::error!("message {id} ({}): {errors:?}", spoken.tag());
    }
    Some(text.into_owned())
}

/// A message of the person's language: `say!("area-name")` or `say!("area-name", count = 3, name = title)`.
#[macro_export]
macro_rules! say {
    ($id:literal) => { $crate::words::say($id) };
    ($id:literal, $($name:ident = $value:expr),+ $(,)?) => {{
        let mut arguments = fluent_bundle::FluentArgs::new();
        $( arguments.set(stringify!($name), $value); )+
        $crate::words::say_with($id, &arguments)
    }};
}

#[cfg(test)]
mod tests;
