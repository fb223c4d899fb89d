//! What is hidden in a haystack, and what is asked for it.

/// A sentence, its question, and the words that show that it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    pub sentence: String,
    pub question: String,
    pub answer: String,
}

/// Names that stand in no ordinary text.
const FIRST: [&str; 10] = ["Vel", "Tor", "Mira", "Quen", "Osta", "Brin", "Kael", "Ulm", "Zephy", "Narr"];
const LAST: [&str; 10] =
    ["dora", "wick", "stad", "haven", "moor", "gate", "field", "minster", "ford", "bridge"];

/// Facts, and questions that share no word with them that says anything.
const TOPICS: [(&str, &str, &str); 11] = [
    (
        "The baker buried his wedding ring in the old cemetery.",
        "Which piece of jewelry was interred at a graveyard?",
        "ring",
    ),
    (
        "The schooner sank off Greenland because it had struck an iceberg.",
        "Why did a sailing ship go down in Arctic waters?",
        "iceberg",
    ),
    (
        "An attorney from Lisbon defended a circus elephant in court.",
        "Which animal got legal representation by a Portuguese lawyer?",
        "elephant",
    ),
    (
        "Doctor Price cured her migraines by swimming in a cold lake every dawn.",
        "What helped a physician against headaches?",
        "swimming",
    ),
    (
        "Our cat Bramble is allergic to tuna and gets a rash from it.",
        "Which fish makes the kitten ill?",
        "tuna",
    ),
    (
        "Two cops caught the infant's kidnapper because he had lost his umbrella.",
        "What led the police officers to whoever abducted a baby?",
        "umbrella",
    ),
    (
        "Grandfather planted forty walnut saplings when his daughter married.",
        "How many nut trees grew for a wedding?",
        "forty",
    ),
    (
        "Lena got her bicycle in exchange for nine jars of honey.",
        "What did a girl trade to own a bike?",
        "honey",
    ),
    (
        "The astronomer named the new comet after her parrot.",
        "Which pet bird inspired what a celestial body is called?",
        "parrot",
    ),
    (
        "The thief hid the rubies inside a hollow loaf of rye bread.",
        "Where were stolen jewels concealed by a burglar?",
        "rye",
    ),
    (
        "The rabbit escaped from its hutch through a hole behind the sofa.",
        "How could a bunny flee its cage near the couch?",
        "hole",
    ),
];

/// The classic needle number `i`: a number with a name, as in the long-context reports.
pub fn classic(i: usize, seed: u64) -> Needle {
    let name = format!("{}{}", FIRST[i % FIRST.len()], LAST[i / FIRST.len() % LAST.len()]);
    let round = i / (FIRST.len() * LAST.len());
    let name = if round == 0 { name } else { format!("{name} {}", round + 1) };
    let number = 1_000_000 + (mix(seed ^ (i as u64 + 1)) % 9_000_000);
    Needle {
        sentence: format!("The special magic {name} number is: {number}."),
        question: format!("What is the special magic {name} number?"),
        answer: number.to_string(),
    }
}

/// A needle whose question shares only the topic.
pub fn topic(i: usize) -> Needle {
    let (sentence, question, answer) = TOPICS[i % TOPICS.len()];
    Needle { sentence: sentence.into(), question: question.into(), answer: answer.into() }
}

/// A number from another one (SplitMix64's finish).
pub fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_of_topics_share_no_word_that_says_anything() {
        const GRAMMAR: &str = "the a an of for to in on by at is did does how his her from which what who where \
            many when with and into its off after our only get put";
        let words = |text: &str| -> Vec<String> {
            let text = text.to_lowercase();
            text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
        };
        for (sentence, question, answer) in TOPICS {
            let sentence_words = words(sentence);
            for word in words(question) {
                let says_nothing = GRAMMAR.split_whitespace().any(|w| w == word);
                assert!(says_nothing || !sentence_words.contains(&word), "{word} in {sentence}");
            }
            assert!(sentence.contains(answer) && !question.contains(answer), "{answer}");
        }
    }

    #[test]
    fn a_hundred_classic_needles_are_all_different() {
        let all: Vec<Needle> = (0..100).map(|i| classic(i, 7)).collect();
        for (i, needle) in all.iter().enumerate() {
            assert!(needle.sentence.contains(&needle.answer));
            assert!(
                all[..i]
                    .iter()
                    .all(|other| other.answer != needle.answer && other.question != needle.question)
            );
        }
    }
}
