//! The store over a tiny decoder, through the loop that uses it.

use std::sync::Arc;

use super::*;
use crate::Event;
use crate::decoder::DecoderConfig;
use crate::generate::{GenerateOptions, Generation};
use crate::model::LanguageModel;

/// A model with a window that is shorter than its prompts, in a folder with a store.
struct Bench {
    folder: tempfile::TempDir,
    model: Arc<LanguageModel>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("model"), "weights").unwrap();
        let mut model = LanguageModel::tiny();
        let mut config = DecoderConfig { context_tokens: 4000, ..model.decoder().config().clone() };
        config.layers[0].attention.window = Some(16);
        model.set_decoder(crate::decoder::seeded(&config));
        Self { folder, model: Arc::new(model) }
    }

    fn store(&self, most_bytes: u64) -> PrefixStore {
        PrefixStore::open(&self.folder.path().join("prefixes"), most_bytes)
    }

    fn prefixes(&self, most_bytes: u64) -> Option<ModelPrefixes> {
        self.store(most_bytes).of_model(&self.folder.path().join("model"))
    }

    /// The answer, and how many tokens of the prompt were not read.
    fn ask(
        &self,
        prompt: &str,
        options: &GenerateOptions,
        prefixes: Option<ModelPrefixes>,
    ) -> (String, usize) {
        let prompt = Input::from(self.model.encode(prompt).unwrap());
        let n = prompt.len();
        let mut generation =
            Generation::new(self.model.clone(), prompt, options, None, prefixes, &Cancel::new()).unwrap();
        let (mut text, mut first_read, mut cached) = (String::new(), None, 0);
        for event in &mut generation {
            match event.unwrap() {
                Event::Progress { done, .. } => drop(first_read.get_or_insert(done)),
                Event::Text(piece) => text.push_str(&piece),
                Event::Done { usage, .. } => cached = usage.cached_tokens,
                _ => {}
            }
        }
        let first_end = first_read.unwrap() as usize;
        assert!(first_end > cached && first_end <= (cached + 256).min(n), "{first_end} after {cached}");
        (text, cached)
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = self.store(0).0.files().into_iter().collect();
        files.sort();
        files
    }
}

fn options() -> GenerateOptions {
    GenerateOptions { max_tokens: 24, ..GenerateOptions::default() }
}

/// Letters that do not repeat soon; the vocabulary is an alphabet.
fn letters(n: usize, seed: usize) -> String {
    (0..n).map(|i| char::from(b'a' + ((i * i + seed * (i + 1) + i / 7) % 26) as u8)).collect()
}

const MUCH: u64 = 1 << 30;

#[test]
fn a_second_run_reads_only_what_is_new_and_writes_the_same() {
    let bench = Bench::new();
    let (long, longer) = (letters(700, 1), letters(700, 1) + &letters(300, 2));
    let fresh = (bench.ask(&long, &options(), None), bench.ask(&longer, &options(), None));
    assert_eq!(bench.ask(&long, &options(), bench.prefixes(MUCH)), (fresh.0.0.clone(), 0));
    assert_eq!(bench.files().len(), 1);
    assert_eq!(bench.ask(&long, &options(), bench.prefixes(MUCH)), (fresh.0.0, 512));
    assert_eq!(bench.files().len(), 1, "nothing new");
    assert_eq!(bench.ask(&longer, &options(), bench.prefixes(MUCH)), (fresh.1.0, 512));
    assert_eq!(bench.files().len(), 2);
    let usage = bench.store(MUCH).usage();
    assert!(usage.files == 2 && usage.bytes > 2 * 512, "{usage:?}");
    assert_eq!(bench.store(MUCH).clear().unwrap(), usage.bytes);
    assert_eq!(bench.files().len(), 0);
}

#[test]
fn another_prompt_format_or_model_is_read_from_its_beginning() {
    let bench = Bench::new();
    let long = letters(700, 1);
    bench.ask(&long, &options(), bench.prefixes(MUCH));
    let cached = |prompt: &str, options: &GenerateOptions| bench.ask(prompt, options, bench.prefixes(MUCH)).1;
    assert_eq!(cached(&letters(700, 2), &options()), 0);
    assert_eq!(cached(&format!("z{}", &long[1..]), &options()), 0);
    for cache in [CacheFormat::F32, CacheFormat::Q8, CacheFormat::Q4] {
        assert_eq!(cached(&long, &GenerateOptions { cache, ..options() }), 0, "{cache:?}");
        assert_eq!(cached(&long, &GenerateOptions { cache, ..options() }), 512, "{cache:?}");
    }
    std::fs::write(bench.folder.path().join("model"), "other weights").unwrap();
    assert_eq!(cached(&long, &options()), 0);
}

#[test]
fn short_prompts_and_those_of_who_wants_none_are_not_stored() {
    let bench = Bench::new();
    bench.ask(&letters(256, 1), &options(), bench.prefixes(MUCH));
    let off = GenerateOptions { prefix_cache: false, ..options() };
    bench.ask(&letters(700, 1), &off, bench.prefixes(MUCH));
    assert!(!bench.folder.path().join("prefixes").exists());
    bench.ask(&letters(700, 1), &options(), bench.prefixes(MUCH));
    assert_eq!(bench.ask(&letters(700, 1), &off, bench.prefixes(MUCH)).1, 0);
}

#[test]
fn a_damaged_file_is_deleted_and_the_prompt_is_read() {
    let bench = Bench::new();
    let long = letters(700, 1);
    let (answer, _) = bench.ask(&long, &options(), bench.prefixes(MUCH));
    let file = bench.files().remove(0);
    let whole = std::fs::read(&file).unwrap();
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let middle = whole.len() / 2;
    let mut longer = whole.clone();
    longer.insert(middle, 0);
    let damaged = [
        ("another version", changed(15)),
        ("another key", changed(16)),
        ("another position", changed(48)),
        ("a number in the middle", changed(middle)),
        ("length", changed(whole.len() - 40)),
        ("checksum", changed(whole.len() - 1)),
        ("one byte less", whole[..whole.len() - 1].to_vec()),
        ("half of it", whole[..middle].to_vec()),
        ("only its key", whole[..48].to_vec()),
        ("a byte more", longer),
        ("nothing", Vec::new()),
    ];
    for (what, bytes) in damaged {
        std::fs::write(&file, bytes).unwrap();
        let prefixes = bench.prefixes(MUCH).unwrap();
        let input = Input::from(bench.model.encode(&long).unwrap());
        let key = prefixes.keys(&input, &[256, 512], CacheFormat::F16, "cpu").unwrap().remove(1);
        assert!(prefixes.has(&key), "{what}");
        let load = || prefixes.load(&key, 512, bench.model.decoder(), CacheFormat::F16, &Cancel::new());
        assert!(load().is_none() && !file.exists(), "{what}");
        assert_eq!(bench.ask(&long, &options(), Some(prefixes)), (answer.clone(), 0), "{what}");
        assert_eq!(std::fs::read(&file).unwrap(), whole, "{what}: written again");
    }
}

#[test]
fn a_cancelled_load_keeps_the_file() {
    let bench = Bench::new();
    let long = letters(700, 1);
    bench.ask(&long, &options(), bench.prefixes(MUCH));
    let prefixes = bench.prefixes(MUCH).unwrap();
    let input = Input::from(bench.model.encode(&long).unwrap());
    let key = prefixes.keys(&input, &[256, 512], CacheFormat::F16, "cpu").unwrap().remove(1);
    let cancel = Cancel::new();
    cancel.cancel();
    assert!(prefixes.load(&key, 512, bench.model.decoder(), CacheFormat::F16, &cancel).is_none());
    assert_eq!(bench.files().len(), 1);
}

#[test]
fn the_least_recently_used_goes_first() {
    let bench = Bench::new();
    let ask = |seed, most_bytes| bench.ask(&letters(700, seed), &options(), bench.prefixes(most_bytes)).1;
    ask(1, MUCH);
    let size = bench.store(MUCH).usage().bytes;
    let most_bytes = 2 * size + size / 2;
    ask(2, most_bytes);
    let old = |path: &Path, seconds| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(seconds)).unwrap();
    };
    bench.files().iter().for_each(|path| old(path, 1000));
    let abandoned = bench.store(0).folder().join("unfinished-x");
    std::fs::write(&abandoned, "half").unwrap();
    old(&abandoned, 4000);
    assert_eq!(ask(1, most_bytes), 512, "used again");
    ask(3, most_bytes);
    let usage = bench.store(most_bytes).usage();
    assert!(usage.files == 2 && usage.bytes <= most_bytes, "{usage:?}");
    assert!(!abandoned.exists());
    assert_eq!((ask(1, most_bytes), ask(3, most_bytes)), (512, 512));
    assert_eq!(ask(2, most_bytes), 0, "it was not used");
    // What is larger than the whole store is not written, and nothing goes for it.
    bench.store(MUCH).clear().unwrap();
    ask(1, size - 1);
    assert_eq!(bench.files().len(), 0);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_is_stored() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.ask(&letters(700, 1), &options(), bench.prefixes(MUCH));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&bench.files()[0]), mode(bench.store(0).folder())), (0o600, 0o700));
}

#[test]
fn a_follow_up_in_memory_stores_nothing_that_differs_from_reading_alone() {
    let bench = Bench::new();
    let run = |prompt: &str, earlier| {
        let prompt = Input::from(bench.model.encode(prompt).unwrap());
        let prefixes = bench.prefixes(MUCH);
        let mut generation =
            Generation::new(bench.model.clone(), prompt, &options(), earlier, prefixes, &Cancel::new())
                .unwrap();
        let last = (&mut generation).last().unwrap().unwrap();
        let Event::Done { usage, .. } = last else { panic!("{last:?}") };
        (usage.cached_tokens, generation.into_conversation())
    };
    let (_, first) = run(&letters(200, 1), None);
    let (cached, second) = run(&(letters(200, 1) + &letters(300, 3)), Some(first));
    assert!(cached >= 190 && bench.files().is_empty(), "{cached}");
    // Little is shared: it is read from its beginning, and stored.
    let (cached, _) = run(&(letters(30, 1) + &letters(600, 4)), Some(second));
    assert_eq!((cached, bench.files().len()), (0, 1));
}
