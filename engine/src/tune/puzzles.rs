//! Questions that are made, with answers that follow from how they were made: six tasks of the kind of BIG-Bench Hard
//! (Suzgun et al., 2022). Each comes with a chain of thought, which is shown for exemplars and never trained on.

use super::data::Example;
use crate::random::next_bits;

/// A kind of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Puzzle {
    /// Sums and differences in several steps.
    Arithmetic,
    /// How many things of a kind there are among others.
    Counting,
    /// What an expression of `and`, `or` and `not` is.
    Boolean,
    /// Which date lies some days from another.
    Dates,
    /// Words in the order of the alphabet.
    Sorting,
    /// Who holds what after some swaps.
    Shuffled,
}

/// Seeded draws.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        (next_bits(&mut self.0) % n.max(1) as u64) as usize
    }

    fn within(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to - from + 1)
    }

    /// Some of these, in another order.
    fn some<'a>(&mut self, n: usize, of: &[&'a str]) -> Vec<&'a str> {
        let mut all = of.to_vec();
        for i in 0..n.min(all.len()) {
            let other = self.within(i, all.len() - 1);
            all.swap(i, other);
        }
        all.truncate(n);
        all
    }
}

impl Puzzle {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Arithmetic, Self::Counting, Self::Boolean, Self::Dates, Self::Sorting, Self::Shuffled];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arithmetic => "arithmetic",
            Self::Counting => "counting",
            Self::Boolean => "boolean",
            Self::Dates => "dates",
            Self::Sorting => "sorting",
            Self::Shuffled => "shuffled",
        }
    }

    /// `n` questions that are all different, the first `shown` of them with a rationale. `level` is 1, 2 or 3: more steps.
    /// The same seed makes the same questions. Fewer come where there are not as many.
    pub fn examples(self, n: usize, shown: usize, level: usize, seed: u64) -> Vec<Example> {
        let mut dice = Dice(seed ^ (self as u64 + 1).wrapping_mul(0x9E37_79B9));
        let mut examples: Vec<Example> = Vec::with_capacity(n);
        for _ in 0..n * 50 {
            if examples.len() >= n {
                break;
            }
            let (question, rationale, answer) = self.make(&mut dice, level.clamp(1, 3));
            if examples.iter().all(|other| other.question != question) {
                let rationale =
                    (examples.len() < shown).then(|| format!("{rationale} The answer is {answer}."));
                examples.push(Example { question, answer, rationale });
            }
        }
        examples
    }

    fn make(self, dice: &mut Dice, level: usize) -> (String, String, String) {
        match self {
            Self::Arithmetic => arithmetic(dice, level),
            Self::Counting => counting(dice, level),
            Self::Boolean => boolean(dice, level),
            Self::Dates => dates(dice, level),
            Self::Sorting => sorting(dice, level),
            Self::Shuffled => shuffled(dice, level),
        }
    }
}

/// Level + 1 steps.
fn arithmetic(dice: &mut Dice, level: usize) -> (String, String, String) {
    let mut sum = dice.within(2, 12);
    let (mut expression, mut steps) = (sum.to_string(), Vec::new());
    for _ in 0..=level {
        let adds = sum < 9 || dice.below(2) == 0;
        let number = if adds { dice.within(2, 12) } else { dice.within(2, 8) };
        let after = if adds { sum + number } else { sum - number };
        let sign = if adds { '+' } else { '-' };
        expression.push_str(&format!(" {sign} {number}"));
        steps.push(format!("{sum} {sign} {number} = {after}."));
        sum = after;
    }
    (format!("What is {expression}?"), steps.join(" "), sum.to_string())
}

/// Three things and one more for each level, of which some are asked for.
fn counting(dice: &mut Dice, level: usize) -> (String, String, String) {
    const KINDS: [(&str, [&str; 6]); 3] = [
        ("fruits", ["apple", "banana", "plum", "peach", "pear", "lemon"]),
        ("animals", ["dog", "cat", "horse", "cow", "rabbit", "goat"]),
        ("instruments", ["drum", "flute", "violin", "trumpet", "piano", "harp"]),
    ];
    const NUMBERS: [&str; 5] = ["zero", "one", "two", "three", "four"];
    let (kind, wanted) = KINDS[dice.below(KINDS.len())];
    let n_wanted = dice.within(2, 1 + level);
    let mut things: Vec<(&str, bool)> =
        dice.some(n_wanted, &wanted).into_iter().map(|thing| (thing, true)).collect();
    let others: Vec<&str> =
        KINDS.iter().filter(|(other, _)| *other != kind).flat_map(|(_, things)| *things).collect();
    things.extend(dice.some(3 + level - n_wanted.max(1), &others).into_iter().map(|thing| (thing, false)));
    for i in 0..things.len() {
        let other = dice.within(i, things.len() - 1);
        things.swap(i, other);
    }
    let counted: Vec<(&str, usize, bool)> =
        things.into_iter().map(|(thing, is_wanted)| (thing, dice.within(1, 4), is_wanted)).collect();
    let named = |(thing, n, _): &(&str, usize, bool)| {
        let plural = match *thing {
            "peach" => "peaches".to_owned(),
            thing => format!("{thing}s"),
        };
        if *n == 1 { format!("one {thing}") } else { format!("{} {plural}", NUMBERS[*n]) }
    };
    let all: Vec<String> = counted.iter().map(named).collect();
    let found: Vec<_> = counted.iter().filter(|(_, _, is_wanted)| *is_wanted).collect();
    let mut steps = vec![format!(
        "The {kind} are {}.",
        listed(&found.iter().map(|thing| named(thing)).collect::<Vec<_>>())
    )];
    let mut sum = found[0].1;
    for (_, n, _) in &found[1..] {
        steps.push(format!("{sum} + {n} = {}.", sum + n));
        sum += n;
    }
    (format!("I have {}. How many {kind} do I have?", listed(&all)), steps.join(" "), sum.to_string())
}

/// `a, b and c`
fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Level + 2 operators, from left to right in brackets: of two there are only fifty questions.
fn boolean(dice: &mut Dice, level: usize) -> (String, String, String) {
    let word = |value: bool| if value { "True" } else { "False" };
    let mut value = dice.below(2) == 0;
    let (mut expression, mut steps) = (word(value).to_owned(), Vec::new());
    for i in 0..level + 2 {
        if i > 0 {
            expression = format!("({expression})");
        }
        let before = value;
        match dice.below(3) {
            0 => {
                value = !value;
                expression = format!("not {expression}");
                steps.push(format!("not {} is {}.", word(before), word(value)));
            }
            kind => {
                let (other, name) = (dice.below(2) == 0, if kind == 1 { "and" } else { "or" });
                value = if kind == 1 { value && other } else { value || other };
                expression = format!("{expression} {name} {}", word(other));
                steps.push(format!("{} {name} {} is {}.", word(before), word(other), word(value)));
            }
        }
    }
    (format!("What is {expression}?"), steps.join(" "), word(value).to_owned())
}

const MONTHS: [(&str, usize); 12] = [
    ("January", 31),
    ("February", 28),
    ("March", 31),
    ("April", 30),
    ("May", 31),
    ("June", 30),
    ("July", 31),
    ("August", 31),
    ("September", 30),
    ("October", 31),
    ("November", 30),
    ("December", 31),
];

/// Some days from a date of a year without a leap day: within a month at level 1.
fn dates(dice: &mut Dice, level: usize) -> (String, String, String) {
    let month = dice.below(11);
    let (name, n_days) = MONTHS[month];
    let most = [9, 14, 25][level - 1];
    let days = dice.within(2, most);
    let day = match level {
        1 => dice.within(1, n_days - days),
        _ => dice.within(1, n_days),
    };
    let mut steps = vec![format!("{day} + {days} = {}.", day + days)];
    let answer = if day + days > n_days {
        let next = MONTHS[month + 1].0;
        steps.push(format!("{name} has {n_days} days. {} - {n_days} = {}.", day + days, day + days - n_days));
        format!("{next} {}", day + days - n_days)
    } else {
        format!("{name} {}", day + days)
    };
    let question = format!("Today is {name} {day}, 2022. Which date is it in {days} days?");
    (question, steps.join(" "), answer)
}

/// Two words and one more for each level, which begin with different letters.
fn sorting(dice: &mut Dice, level: usize) -> (String, String, String) {
    const WORDS: [&str; 20] = [
        "apple", "bread", "cloud", "door", "earth", "fire", "glass", "house", "ice", "jam", "king", "lamp",
        "moon", "night", "ocean", "paper", "queen", "river", "stone", "tree",
    ];
    let words = dice.some(2 + level, &WORDS);
    let mut sorted = words.clone();
    sorted.sort_unstable();
    let letters: Vec<String> = words.iter().map(|word| format!("{word}: {}", &word[..1])).collect();
    let order: Vec<&str> = sorted.iter().map(|word| &word[..1]).collect();
    let steps = format!("First letters: {}. In order: {}.", letters.join(", "), order.join(", "));
    let question = format!("Put these words in the order of the alphabet: {}.", words.join(", "));
    (question, steps, sorted.join(" "))
}

/// Three people, level swaps.
fn shuffled(dice: &mut Dice, level: usize) -> (String, String, String) {
    const PEOPLE: [&str; 6] = ["Ann", "Bob", "Cal", "Dan", "Eve", "Fay"];
    const BALLS: [&str; 6] = ["red", "blue", "green", "white", "black", "pink"];
    let people = dice.some(3, &PEOPLE);
    let mut balls = dice.some(3, &BALLS);
    let held = |balls: &[&str]| {
        let each: Vec<String> = people.iter().zip(balls).map(|(who, ball)| format!("{who} {ball}")).collect();
        each.join(", ")
    };
    let begin: Vec<String> =
        people.iter().zip(&balls).map(|(who, ball)| format!("{who} has a {ball} ball")).collect();
    let mut question = format!("{}.", listed(&begin));
    let mut steps = vec![format!("{}.", held(&balls))];
    for _ in 0..level {
        let first = dice.below(3);
        let second = (first + dice.within(1, 2)) % 3;
        question.push_str(&format!(" {} and {} swap.", people[first], people[second]));
        balls.swap(first, second);
        steps.push(format!("Then {}.", held(&balls)));
    }
    let who = dice.below(3);
    question.push_str(&format!(" Which ball does {} have?", people[who]));
    (question, steps.join(" "), balls[who].to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::form::is_right;
    use super::*;

    #[test]
    fn questions_differ_and_their_chains_are_right() {
        for puzzle in Puzzle::ALL {
            for level in 1..=3 {
                let examples = puzzle.examples(60, 60, level, 7);
                assert!(examples.len() == 60, "{} {level}: {}", puzzle.name(), examples.len());
                for example in &examples {
                    let rationale = example.rationale.as_ref().unwrap();
                    assert!(is_right(rationale, &example.answer), "{example:?}");
                    assert!(!example.question.contains('\n'));
                }
                assert_eq!(examples, puzzle.examples(60, 60, level, 7));
                assert_ne!(examples, puzzle.examples(60, 60, level, 8));
            }
        }
    }

    #[test]
    fn answers_are_what_the_question_says() {
        for example in Puzzle::Arithmetic.examples(50, 0, 3, 1) {
            let expression = example.question.trim_start_matches("What is ").trim_end_matches('?').to_owned();
            let mut words = expression.split(' ');
            let mut sum: i64 = words.next().unwrap().parse().unwrap();
            while let Some(sign) = words.next() {
                let number: i64 = words.next().unwrap().parse().unwrap();
                sum += if sign == "+" { number } else { -number };
            }
            assert_eq!(example.answer, sum.to_string());
            assert!(example.rationale.is_none());
        }
        for example in Puzzle::Counting.examples(50, 0, 2, 1) {
            assert!((2..=16).contains(&example.answer.parse::<usize>().unwrap()), "{example:?}");
        }
        for example in Puzzle::Sorting.examples(50, 0, 2, 1) {
            let words: Vec<&str> = example.answer.split(' ').collect();
            assert!(words.is_sorted() && words.len() == 4, "{example:?}");
        }
        for example in Puzzle::Shuffled.examples(50, 0, 2, 1) {
            assert!(example.question.contains(&example.answer), "{example:?}");
        }
    }
}
