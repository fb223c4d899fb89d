//! The rules of `ARCHITECTURE.md` that a machine can check: layers, file sizes, names.

use std::path::{Path, PathBuf};

use medley_tests::{for_each_case, root};

/// Most lines of a file without its tests.
const MOST_LINES: usize = 500;

/// Which modules of the engine must not name which others.
const MUST_NOT_SEE: [(&str, &[&str]); 12] = [
    (
        "kernels",
        &[
            "candle_core",
            "candle_nn",
            "crate::weights",
            "crate::nn",
            "crate::decoder",
            "crate::media",
            "std::fs",
        ],
    ),
    (
        "media",
        &[
            "candle_core",
            "candle_nn",
            // Which frames to keep (`features::frames`) is decided while a video is decoded.
            "crate::features::mel",
            "crate::features::patches",
            "crate::features::text",
            "crate::perception",
            "crate::decoder",
            "crate::tasks",
            "crate::models",
        ],
    ),
    (
        "features",
        &["candle_core", "candle_nn", "std::fs", "crate::perception", "crate::encoders", "crate::tasks"],
    ),
    ("weights", &["crate::media", "crate::perception", "crate::encoders", "crate::decoder", "crate::tasks"]),
    (
        "nn",
        &[
            "crate::media",
            "crate::perception",
            "crate::decoder",
            "crate::generate",
            "crate::tasks",
            "std::fs",
        ],
    ),
    ("decoder", &["crate::media", "crate::perception", "crate::generate", "crate::tasks", "std::fs"]),
    (
        "encoders",
        &[
            "crate::media",
            "crate::perception",
            "crate::decoder",
            "crate::generate",
            "crate::tasks",
            "std::fs",
        ],
    ),
    ("sequence.rs", &["std::fs", "std::thread"]),
    ("sampler", &["std::fs", "std::thread", "crate::media", "crate::tasks", "crate::decoder"]),
    ("generate", &["crate::media", "crate::perception", "crate::tasks", "std::fs"]),
    (
        // It alone opens the files of states, so that `decoder` and `generate` need not see any.
        "prefix_store",
        &["crate::media", "crate::perception", "crate::encoders", "crate::generate", "crate::tasks"],
    ),
    ("tasks", &["std::thread", "std::sync::mpsc", "egui"]),
];

struct Source {
    /// From the root of the repository, with slashes.
    name: String,
    /// Without the unit tests at its end.
    code: String,
}

/// Every Rust file of the three crates.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["engine/src", "engine/examples", "engine/benches", "app/src", "tests"] {
        walk(&root().join(folder), &mut |path| {
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = read(path);
                let code = text.split("\n#[cfg(test)]\n").next().unwrap_or_default().to_owned();
                found.push(Source { name: relative(path), code });
            }
        });
    }
    assert!(found.len() > 50, "only {} source files were found", found.len());
    found
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() { walk(&path, visit) } else { visit(&path) }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// Lines that are code, with their numbers: comments do not count.
fn code_lines(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let lines = source.code.lines().enumerate().map(|(i, line)| (i + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn is_test(source: &Source) -> bool {
    source.name.starts_with("tests/") || source.name.ends_with("/tests.rs")
}

fn no_line(source: &Source, what: &str, bad: impl Fn(&str) -> bool) -> Result<(), String> {
    match code_lines(source).find(|(_, line)| bad(line)) {
        Some((number, line)) => Err(format!("{}:{number}: {what}: {}", source.name, line.trim())),
        None => Ok(()),
    }
}

fn check(rule: impl Fn(&Source) -> Result<(), String>) {
    let broken: Vec<String> = sources().iter().filter_map(|source| rule(source).err()).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn modules_see_only_what_their_layer_may_see() {
    check(|source| {
        let Some(path) = source.name.strip_prefix("engine/src/") else { return Ok(()) };
        if is_test(source) {
            return Ok(());
        }
        let module = path.split('/').next().unwrap_or(path);
        let Some((_, hidden)) = MUST_NOT_SEE.iter().find(|(name, _)| *name == module) else { return Ok(()) };
        no_line(source, "this layer must not see that", |line| {
            hidden.iter().any(|name| names_path(line, name))
        })
    });
}

/// Whether a line names this path or something below it, not merely something that begins alike.
fn names_path(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let before = line[..at].chars().next_back().is_some_and(word);
        let after = line[at + name.len()..].chars().next().is_some_and(word);
        !before && !after
    })
}

#[test]
fn paths_are_recognised_as_whole_names() {
    assert!(names_path("use crate::nn::Linear;", "crate::nn"));
    assert!(!names_path("use crate::nnn::Linear;", "crate::nn"));
    assert!(!names_path("use my_egui;", "egui"));
}

#[test]
fn the_engine_knows_no_interface_and_no_async_runtime() {
    check(|source| match source.name.starts_with("engine/") {
        true => no_line(source, "not in the engine", |line| {
            ["egui", "eframe", "tokio", "async fn"].iter().any(|name| names_path(line, name))
        }),
        false => Ok(()),
    });
}

#[test]
fn state_knows_no_interface_and_no_channels() {
    check(|source| match source.name.starts_with("app/src/state/") {
        true => no_line(source, "not in the state", |line| {
            ["egui", "eframe", "mpsc", "std::thread", "std::fs"].iter().any(|name| names_path(line, name))
        }),
        false => Ok(()),
    });
}

#[test]
fn panels_and_widgets_open_no_files_and_start_no_work() {
    check(|source| match source.name.starts_with("app/src/ui/") {
        true => no_line(source, "not in the interface", |line| {
            ["std::fs", "std::thread", "mpsc", "engine::Engine", "crate::jobs", "rusqlite"]
                .iter()
                .any(|name| names_path(line, name))
        }),
        false => Ok(()),
    });
}

#[test]
fn colours_are_written_in_the_theme_only() {
    check(|source| match source.name.starts_with("app/src/") && source.name != "app/src/ui/theme.rs" {
        true => no_line(source, "a colour literal belongs to theme.rs", |line| {
            [
                "Color32::from_rgb",
                "Color32::from_gray",
                "Color32::from_black",
                "Color32::from_white",
                "hex_color!",
            ]
            .iter()
            .any(|name| line.contains(name) && line.contains(|c: char| c.is_ascii_digit()))
        }),
        false => Ok(()),
    });
}

#[test]
fn files_stay_short_enough_to_read() {
    check(|source| {
        let lines = source.code.lines().count();
        match lines > MOST_LINES && !is_test(source) {
            true => Err(format!("{}: {lines} lines without tests, at most {MOST_LINES}", source.name)),
            false => Ok(()),
        }
    });
}

#[test]
fn user_data_cannot_make_the_program_panic() {
    check(|source| {
        if is_test(source) || source.name.starts_with("engine/benches") {
            return Ok(());
        }
        no_line(source, "handle it", |line| {
            [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "dbg!("]
                .iter()
                .any(|call| line.contains(call))
        })
    });
}

#[test]
fn only_the_command_line_writes_to_the_terminal() {
    check(|source| {
        let free = ["app/src/cli/", "tests/", "engine/examples/", "engine/benches/"];
        if free.iter().any(|folder| source.name.starts_with(folder)) {
            return Ok(());
        }
        no_line(source, "log it or return it", |line| {
            ["println!(", "print!(", "eprintln!(", "eprint!("].iter().any(|call| line.contains(call))
        })
    });
}

#[test]
fn unsafe_code_stands_only_where_it_is_needed() {
    check(|source| {
        let may = ["engine/src/kernels/", "engine/src/weights/", "engine/src/media/"];
        if may.iter().any(|folder| source.name.starts_with(folder)) || is_test(source) {
            return Ok(());
        }
        no_line(source, "no unsafe code here", |line| names_path(line, "unsafe"))
    });
}

/// Addresses of package registries and folders of one machine. In pieces, so that this file passes.
fn forbidden() -> Vec<String> {
    let joined = |parts: &[&str]| parts.concat();
    vec![
        joined(&["pypi", ".org"]),
        joined(&["pythonhosted", ".org"]),
        joined(&["index.", "crates.io"]),
        joined(&["registry.", "npmjs"]),
        joined(&["/ro", "ot/"]),
        joined(&["/ho", "me/"]),
        joined(&["/wo", "rk/"]),
    ]
}

#[test]
fn nothing_names_a_registry_or_a_folder_of_one_machine() {
    let mut files = Vec::new();
    for folder in ["app", "assets", "docs", "engine", "scripts", "tests", ".ci"] {
        walk(&root().join(folder), &mut |path| files.push(path.to_path_buf()));
    }
    for name in ["Makefile", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "Cargo.toml", "deny.toml"] {
        files.push(root().join(name));
    }
    let forbidden = forbidden();
    for_each_case(files, |path| {
        // Pictures and sound are not text.
        let Ok(text) = std::fs::read_to_string(path) else {
            return if path.exists() { Ok(()) } else { Err("missing".to_owned()) };
        };
        match forbidden.iter().find(|name| text.contains(name.as_str())) {
            Some(name) => Err(format!("names {name}")),
            None => Ok(()),
        }
    });
}

#[test]
fn every_folder_of_samples_has_its_licence() {
    let folders = ["pictures", "speech", "video", "documents"];
    for_each_case(folders, |folder| {
        let path = root().join("assets/samples").join(folder).join("LICENSE.md");
        if path.is_file() { Ok(()) } else { Err("LICENSE.md is missing".to_owned()) }
    });
}

#[test]
fn the_readme_shows_pictures_that_exist() {
    let text = read(&root().join("README.md"));
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
    // Of a link to a section the file.
    let local = local.filter_map(|link| link.split('#').next());
    for_each_case(local, |link| match root().join(link).exists() {
        true => Ok(()),
        false => Err("no such file".to_owned()),
    });
}
