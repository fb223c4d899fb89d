use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;

/// Identifier → names of its variables.
fn messages(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let variable = regex::Regex::new(r"\$([a-z_]+)").unwrap();
    let identifier = regex::Regex::new(r"^([a-z][a-z0-9-]*) =").unwrap();
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(captures) = identifier.captures(line) {
            current = captures[1].to_owned();
            let twice = found.insert(current.clone(), BTreeSet::new());
            assert!(twice.is_none(), "{current} is there twice");
        }
        for captures in variable.captures_iter(line) {
            found.get_mut(&current).unwrap().insert(captures[1].to_owned());
        }
    }
    found
}

#[test]
fn every_language_has_every_message_with_the_same_variables() {
    for (area, files) in AREAS {
        let english = messages(files[0]);
        for (spoken, text) in Spoken::ALL.into_iter().zip(files) {
            if let Err((_, errors)) = FluentResource::try_new((*text).to_owned()) {
                panic!("{area}.ftl ({}): {errors:?}", spoken.tag());
            }
            let theirs = messages(text);
            let names = |messages: &BTreeMap<_, _>| messages.keys().cloned().collect::<Vec<String>>();
            assert_eq!(names(&english), names(&theirs), "{area}.ftl ({})", spoken.tag());
            for (id, variables) in &english {
                assert!(id.starts_with(&format!("{area}-")), "{id} is in {area}.ftl");
                assert_eq!(variables, &theirs[id], "variables of {id} ({})", spoken.tag());
            }
        }
    }
}

#[test]
fn what_is_said_exists_and_what_exists_is_said() {
    let all: BTreeMap<_, _> = AREAS.iter().flat_map(|(_, files)| messages(files[0])).collect();
    // Also identifiers that are handed on as values: every literal that begins like one.
    let literal = regex::Regex::new(&format!(
        r#""((?:{})-[a-z0-9-]+)""#,
        AREAS.iter().map(|(area, _)| *area).collect::<Vec<_>>().join("|")
    ))
    .unwrap();
    let said = regex::Regex::new(r#"(?:^|[^.\w])say!?\(\s*"([^"]+)""#).unwrap();
    let mut used = BTreeSet::new();
    visit(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut |path, text| {
        for captures in literal.captures_iter(text) {
            used.insert(captures[1].to_owned());
        }
        // The command line has a `say` of its own and is English.
        if !path.components().any(|part| part.as_os_str() == "words" || part.as_os_str() == "cli") {
            for captures in said.captures_iter(text) {
                assert!(all.contains_key(&captures[1]), "{}: {} is no message", path.display(), &captures[1]);
            }
        }
    });
    let unused: Vec<_> = all.keys().filter(|id| !used.contains(*id)).collect();
    assert!(unused.is_empty(), "no line of the program says {unused:?}");
}

fn visit(folder: &Path, see: &mut dyn FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            see(&path, &std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn a_language_is_of_the_thread_and_variables_are_filled_in() {
    assert_eq!(say("common-cancel"), "Cancel");
    set_language(Language::German);
    assert_eq!(say("common-cancel"), "Abbrechen");
    assert_eq!(say!("common-files", count = 1), "1 Datei");
    assert_eq!(say!("common-files", count = 12), "12 Dateien");
    std::thread::spawn(|| assert_eq!(say("common-cancel"), "Cancel")).join().unwrap();
    set_language(Language::French);
    assert_eq!(say!("common-files", count = 0), "0 fichier");
}

#[test]
fn the_desktop_names_its_language() {
    assert_eq!(Spoken::of_locale("de_CH.UTF-8"), Some(Spoken::German));
    assert_eq!(Spoken::of_locale("fr"), Some(Spoken::French));
    assert_eq!(Spoken::of_locale("C.UTF-8"), None);
}
