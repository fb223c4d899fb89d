//! Who spoke when: voices against the reference, dialogues of real people, and what the program makes of them.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Arc, OnceLock};

use engine::Cancel;
use engine::media::{Limits, Media, Opener};
use engine::models::Store;
use engine::perception::speakers::{
    KnownVoice, SpeakerEncoder, SpeakerOptions, Speakers, WhoSpoke, similarity,
};
use engine::perception::speech::SpeechModels;
use engine::perception::speech::windows::Windows;
use medley_tests::diarisation::{Said, dialogue, diarisation_error};
use medley_tests::media_files::wav_header;
use medley_tests::{medley, root, run, run_within, sample, wav_samples};

fn models() -> &'static (Arc<SpeechModels>, Arc<SpeakerEncoder>) {
    static MODELS: OnceLock<(Arc<SpeechModels>, Arc<SpeakerEncoder>)> = OnceLock::new();
    MODELS.get_or_init(|| {
        let store = Store::open_default().unwrap();
        let speech = SpeechModels::load(&store, "whisper-tiny.en").unwrap();
        (Arc::new(speech), Arc::new(SpeakerEncoder::load(&store).unwrap()))
    })
}

fn sound_of(path: &Path) -> Vec<f32> {
    let opener = Opener { limits: Limits::default(), pdfium: None };
    let Media::Sound(sound) = opener.open(path, &Cancel::new()).unwrap() else {
        panic!("{}", path.display())
    };
    sound.map(Result::unwrap).collect::<Vec<_>>().concat()
}

/// Five people with three recordings each.
fn people() -> &'static [Vec<Vec<f32>>] {
    static PEOPLE: OnceLock<Vec<Vec<Vec<f32>>>> = OnceLock::new();
    PEOPLE.get_or_init(|| {
        let voices = root().join("tests/fixtures/voices");
        let of = |name: &str| (1..=3).map(|i| sound_of(&voices.join(format!("{name}-{i}.opus")))).collect();
        let austen =
            ["0870", "0880", "0890"].map(|n| wav_samples(&sample(&format!("speech/austen-{n}.wav"))));
        vec![of("allison"), of("june"), of("carlo"), of("ivrvoice"), austen.to_vec()]
    })
}

fn who_spoke(sound: &[f32], options: SpeakerOptions) -> WhoSpoke {
    let (speech, encoder) = models();
    let (mut windows, mut speakers) = (Windows::default(), Speakers::new(encoder.clone(), options));
    // Blocks of an odd size, so that nothing fits.
    for block in sound.chunks(9_973) {
        windows.push(speech.vad(), block).unwrap();
    }
    windows.finish(speech.vad()).unwrap();
    while let Some(window) = windows.next_ready() {
        speakers.listen(&window).unwrap();
    }
    speakers.who_spoke()
}

fn found(who: &WhoSpoke) -> Vec<Said> {
    who.turns.iter().map(|turn| (turn.start_s, turn.end_s, turn.speaker)).collect()
}

#[test]
fn spectra_and_voices_equal_the_reference() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("golden/ge2e.json")).unwrap();
    let encoder = &models().1;
    for case in golden["cases"].as_array().unwrap() {
        let name = case["file"].as_str().unwrap();
        let spectrum = encoder.spectrum(&wav_samples(&sample(&format!("speech/{name}.wav"))));
        assert_eq!(spectrum.len(), case["n_frames"].as_u64().unwrap() as usize * 40);
        for value in case["mel"].as_array().unwrap() {
            let (t, b) = (value[0].as_u64().unwrap() as usize, value[1].as_u64().unwrap() as usize);
            let (ours, theirs) = (f64::from(spectrum[t * 40 + b]), value[2].as_f64().unwrap());
            assert!((ours - theirs).abs() <= 1e-8 + 1e-3 * theirs, "{name} {t} {b}: {ours} is not {theirs}");
        }
        for voice in case["voices"].as_array().unwrap() {
            let frame = |name: &str| voice[name].as_u64().unwrap() as usize * 40;
            let ours = encoder.embed(&[&spectrum[frame("start")..frame("end")]]).unwrap()[0];
            for (i, (a, b)) in ours.iter().zip(voice["voice"].as_array().unwrap()).enumerate() {
                let b = b.as_f64().unwrap();
                assert!((f64::from(*a) - b).abs() < 1e-4, "{name} {i}: {a} is not {b}");
            }
        }
    }
    let pieces = [vec![0.01; 40 * 50], vec![0.02; 40 * 30], vec![], vec![0.03; 40 * 50]];
    let pieces: Vec<&[f32]> = pieces.iter().map(Vec::as_slice).collect();
    let together = encoder.embed(&pieces).unwrap();
    for (piece, voice) in pieces.iter().zip(&together) {
        let alone = encoder.embed(&[piece]).unwrap()[0];
        assert!(
            voice.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-5),
            "order and batch change nothing"
        );
    }
}

/// The limit of the project: 12 % with the usual collar.
#[test]
fn dialogues_of_two_to_four_people_have_few_errors() {
    let (mut sums, mut worst, mut counted, mut n) = ([0.0; 2], 0.0_f64, 0, 0);
    for (seed, who) in [
        (1, &[0, 2][..]),
        (2, &[1, 4]),
        (3, &[0, 3]),
        (4, &[0, 1, 2]),
        (5, &[2, 3, 4]),
        (6, &[0, 1, 2, 3]),
        (7, &[1, 2, 3, 4]),
        (8, &[0, 1]),
        (9, &[0, 1, 3]),
        (10, &[0, 1, 2, 4]),
    ] {
        let people: Vec<_> = who.iter().map(|&i| people()[i].clone()).collect();
        let (sound, said) = dialogue(&people, 4 * who.len() + 4, seed);
        let heard = who_spoke(&sound, SpeakerOptions::default());
        let [with, without] = [0.25, 0.0].map(|collar| diarisation_error(&said, &found(&heard), collar));
        println!(
            "{} people, {:.0} s: {} found; {:.1} % with collar, {:.1} % without ({with:?})",
            who.len(),
            sound.len() as f64 / 16_000.0,
            heard.speakers.len(),
            100.0 * with.total(),
            100.0 * without.total()
        );
        worst = worst.max(with.total());
        sums = [sums[0] + with.total(), sums[1] + without.total()];
        counted += usize::from(heard.speakers.len() == who.len());
        n += 1;
    }
    println!(
        "mean: {:.2} % with collar, {:.2} % without",
        100.0 * sums[0] / f64::from(n),
        100.0 * sums[1] / f64::from(n)
    );
    assert!(worst <= 0.12, "{worst}");
    assert!(sums[1] / f64::from(n) <= 0.12, "without collar");
    assert!(counted + 1 >= n as usize, "{counted} of {n} have the right number of speakers");
}

#[test]
fn the_number_of_speakers_can_be_fixed() {
    let people: Vec<_> = [0, 2, 4].iter().map(|&i| people()[i].clone()).collect();
    let (sound, said) = dialogue(&people, 14, 11);
    let three = who_spoke(&sound, SpeakerOptions { count: Some(3), ..Default::default() });
    assert_eq!(three.speakers.len(), 3);
    assert!(diarisation_error(&said, &found(&three), 0.25).total() <= 0.12);
    for count in [1, 2, 5] {
        let heard = who_spoke(&sound, SpeakerOptions { count: Some(count), ..Default::default() });
        assert_eq!(heard.speakers.len(), count);
    }
}

#[test]
fn one_person_silence_and_short_sounds() {
    for (i, person) in people().iter().enumerate() {
        let (sound, _) = dialogue(std::slice::from_ref(person), 8, 20 + i as u32);
        let heard = who_spoke(&sound, SpeakerOptions::default());
        assert_eq!(heard.speakers.len(), 1, "person {i}");
    }
    for nothing in [vec![], vec![0.0; 10], vec![0.0; 160_000]] {
        let heard = who_spoke(&nothing, SpeakerOptions { count: Some(2), ..Default::default() });
        assert_eq!(heard, WhoSpoke::default());
    }
    let short = &people()[0][0][8_000..18_000];
    let heard = who_spoke(short, SpeakerOptions { count: Some(3), ..Default::default() });
    assert!(heard.speakers.len() <= 1, "{heard:?}");
}

#[test]
fn names_are_given_merged_and_recognised_later() {
    let pair: Vec<_> = [0, 2].iter().map(|&i| people()[i].clone()).collect();
    let first = who_spoke(
        &dialogue(&pair, 10, 31).0,
        SpeakerOptions {
            names: vec![(1, "Allison".to_owned()), (2, "Carlo".to_owned()), (9, "Nobody".to_owned())],
            ..Default::default()
        },
    );
    let labels = |who: &WhoSpoke| who.speakers.iter().map(|s| s.label.clone()).collect::<Vec<_>>();
    assert_eq!(labels(&first), ["Allison", "Carlo"]);
    assert_eq!(first.unused_names, [(9, "Nobody".to_owned())]);
    assert!(similarity(&first.speakers[0].voice, &first.speakers[1].voice) < 0.8);

    let known: Vec<_> =
        first.speakers.iter().map(|s| KnownVoice::new(&s.label, &s.voice, s.speech_s)).collect();
    let others: Vec<_> = [2, 4, 0].iter().map(|&i| people()[i].clone()).collect();
    let options = SpeakerOptions { known: known.clone(), ..Default::default() };
    let later = who_spoke(&dialogue(&others, 14, 32).0, options.clone());
    assert_eq!(labels(&later), ["Carlo", "2", "Allison"]);
    assert!(later.speakers[0].is_recognised && !later.speakers[1].is_named);
    // Nobody who is not known is taken for somebody who is.
    let strangers: Vec<_> = [1, 3].iter().map(|&i| people()[i].clone()).collect();
    assert_eq!(labels(&who_spoke(&dialogue(&strangers, 10, 33).0, options)), ["1", "2"]);

    let names = vec![(1, "Both".to_owned()), (2, "Both".to_owned())];
    let merged = who_spoke(&dialogue(&pair, 10, 31).0, SpeakerOptions { names, ..Default::default() });
    assert_eq!(labels(&merged), ["Both"]);
    assert!(merged.turns.iter().all(|turn| turn.speaker == 0));
}

/// A WAV file of 16 kHz.
fn write_wav(path: &Path, sound: &[f32]) {
    let data = sound.iter().flat_map(|x| ((x * 32_767.0) as i16).to_le_bytes());
    let data: Vec<u8> = data.collect();
    let mut bytes = wav_header(data.len() as u32);
    bytes.extend(data);
    std::fs::write(path, bytes).unwrap();
}

/// A data folder of its own with the models of this machine.
#[cfg(unix)]
fn own_data_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let models = Store::open_default().unwrap().root().to_path_buf();
    std::os::unix::fs::symlink(models, folder.path().join("models")).unwrap();
    folder
}

#[cfg(unix)]
#[test]
fn the_program_names_remembers_recognises_and_forgets() {
    let folder = own_data_folder();
    let medley = |arguments: &[&str]| {
        let mut command = medley();
        command.env("MEDLEY_DATA", folder.path()).current_dir(folder.path()).args(arguments);
        run_within(std::time::Duration::from_secs(180), command)
    };
    let pair: Vec<_> = [0, 4].iter().map(|&i| people()[i].clone()).collect();
    write_wav(&folder.path().join("a.wav"), &dialogue(&pair, 8, 41).0);
    write_wav(&folder.path().join("b.wav"), &dialogue(&[pair[1].clone(), pair[0].clone()], 6, 42).0);

    // Without being asked nothing is kept.
    let names = ["--speakers", "2", "--speaker-name", "1=Anna & Co", "--speaker-name", "2=Jane"];
    let ran = medley(&[&["transcribe", "a.wav", "--json"][..], &names].concat());
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let segments = ran.events("segment");
    assert!(segments.len() >= 8, "{}", ran.stdout);
    for segment in &segments {
        let (text, speaker) = (segment["text"].as_str().unwrap(), segment["speaker"].as_str().unwrap());
        assert!(["Anna & Co", "Jane"].contains(&speaker) && !text.contains("Jane"), "{segment}");
        assert!(!segment["words"].as_array().unwrap().is_empty());
    }
    let told = &ran.events("speakers")[0];
    assert_eq!(told["speakers"].as_array().unwrap().len(), 2);
    assert!(told["turns"].as_array().unwrap().len() >= 8 && told["speakers"][0]["recognised"] == false);
    assert!(medley(&["speakers", "list"]).stdout.contains("nobody is remembered"));

    let ran = medley(&[&["transcribe", "a.wav", "--remember-speakers"][..], &names].concat());
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.lines().any(|line| line.starts_with("Jane: ")), "{}", ran.stdout);
    assert_eq!(medley(&["speakers", "list", "--json"]).json().len(), 2);

    let ran = medley(&["transcribe", "b.wav", "--speakers", "--format", "vtt"]);
    assert!(ran.stderr.contains("recognised"), "{}", ran.stderr);
    let voiced = |name: &str| ran.stdout.lines().filter(|line| line.starts_with(name)).count();
    assert!(voiced("<v Jane>") >= 2 && voiced("<v Anna &amp; Co>") >= 2, "{}", ran.stdout);

    assert_eq!(medley(&["speakers", "forget", "Nobody"]).status, Some(2));
    assert_eq!(medley(&["speakers", "forget", "--all"]).status, Some(0));
    assert!(!folder.path().join("voices.json").exists());
    let ran = medley(&["transcribe", "b.wav", "--speakers", "--format", "srt"]);
    assert!(ran.stdout.contains("\n1: ") && ran.stdout.contains("\n2: "), "{}", ran.stdout);
}

#[test]
fn bad_flags_and_recordings_without_speech_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let silent = folder.path().join("silent.wav");
    write_wav(&silent, &vec![0.0; 32_000]);
    let silent = silent.to_str().unwrap();
    let ran = run(&["transcribe", silent, "--speakers", "3", "--speaker-name", "1=Anna", "--json"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(ran.events("segment").len(), 0);
    assert_eq!(ran.events("speakers")[0]["speakers"], serde_json::json!([]));
    let told: Vec<_> = ran.events("notice").iter().map(|n| n["text"].as_str().unwrap().to_owned()).collect();
    assert!(told.iter().any(|text| text.contains("Anna")) && told.iter().any(|t| t.contains("no speech")));
    let spoken = sample("speech/austen-0870.wav");
    let ran = run(&["transcribe", spoken.to_str().unwrap(), "--speakers", "--json"]);
    assert!(!ran.events("segment").is_empty(), "{}", ran.stderr);
    assert_eq!(ran.events("notice").len(), 0, "where somebody speaks, nobody is missed");
    for bad in [
        &["--speakers", "0"][..],
        &["--speakers", "few"],
        &["--speakers", "--speaker-name", "Anna"],
        &["--speaker-name", "1=Anna"],
        &["--remember-speakers"],
    ] {
        assert_eq!(run(&[&["transcribe", silent][..], bad].concat()).status, Some(2), "{bad:?}");
    }
}
