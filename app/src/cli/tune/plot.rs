//! Plots of a run for the terminal: bars of eighths, several lines high.

/// Bars of one to eight eighths.
const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Columns of a plot.
pub const WIDTH: usize = 40;

/// Lines of a plot.
const HEIGHT: usize = 4;

/// Between two plots that stand side by side.
const GAP: &str = "    ";

/// A line of small bars, from the smallest to the largest of the last numbers.
pub fn sparks(numbers: &[f64]) -> String {
    const MOST: usize = 16;
    let last = &numbers[numbers.len().saturating_sub(MOST)..];
    let (least, most) = bounds(last);
    last.iter().map(|number| EIGHTHS[level(*number, least, most, 8) - 1]).collect()
}

/// Numbers with their title and how one of them is said: "loss", 0.52 → "0.520".
pub struct Plot<'a> {
    /// What is plotted.
    pub title: &'static str,
    /// All of it.
    pub numbers: &'a [f64],
    /// How a number is said.
    pub said: fn(f64) -> String,
}

impl Plot<'_> {
    /// Its title with the first and the last number, and its bars below, each line `WIDTH` wide.
    fn lines(&self) -> Vec<String> {
        let columns = resampled(self.numbers, WIDTH);
        let (least, most) = bounds(&columns);
        let levels: Vec<usize> =
            columns.iter().map(|number| level(*number, least, most, 8 * HEIGHT)).collect();
        let title = match self.numbers {
            [] => self.title.to_owned(),
            [only] => format!("{} {}", self.title, (self.said)(*only)),
            [first, .., last] => format!("{} {} → {}", self.title, (self.said)(*first), (self.said)(*last)),
        };
        let row = |row: usize| -> String {
            let below = 8 * (HEIGHT - 1 - row);
            let bar = |level: &usize| match level.saturating_sub(below) {
                0 => ' ',
                eighths => EIGHTHS[eighths.min(8) - 1],
            };
            levels.iter().map(bar).collect()
        };
        std::iter::once(title).chain((0..HEIGHT).map(row)).collect()
    }
}

/// Plots that have something to show, two in a row.
pub fn side_by_side(plots: &[Plot<'_>]) -> String {
    let shown: Vec<Vec<String>> =
        plots.iter().filter(|plot| plot.numbers.len() > 1).map(Plot::lines).collect();
    let mut text = String::new();
    for pair in shown.chunks(2) {
        for line in 0..=HEIGHT {
            let left = pair.first().map_or("", |lines| lines[line].as_str());
            let right = pair.get(1).map_or("", |lines| lines[line].as_str());
            text.push_str(format!("  {left:<WIDTH$}{GAP}{right}").trim_end());
            text.push('\n');
        }
    }
    text
}

fn bounds(numbers: &[f64]) -> (f64, f64) {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, most)
}

/// From 1 for the smallest number to `of` for the largest; the middle where all are equal.
fn level(number: f64, least: f64, most: f64, of: usize) -> usize {
    match most > least {
        true => 1 + ((number - least) / (most - least) * (of - 1) as f64).round() as usize,
        false => of / 2,
    }
}

/// At most so many numbers: means of neighbours.
fn resampled(numbers: &[f64], most: usize) -> Vec<f64> {
    let n = numbers.len().min(most);
    let part = |i: usize| {
        let part = &numbers[i * numbers.len() / n..(i + 1) * numbers.len() / n];
        part.iter().sum::<f64>() / part.len().max(1) as f64
    };
    (0..n).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_go_from_the_smallest_to_the_largest() {
        assert_eq!(sparks(&[1.0, 2.0, 3.0]), "▁▅█");
        assert_eq!(sparks(&[2.0, 2.0]), "▄▄");
        assert_eq!(sparks(&[]), "");
        assert_eq!(sparks(&[1.0; 40]).chars().count(), 16);
    }

    #[test]
    fn plots_stand_side_by_side_and_those_without_a_curve_are_left_out() {
        let said: fn(f64) -> String = |number| format!("{number:.1}");
        let rising: Vec<f64> = (0..100).map(f64::from).collect();
        let plots = [
            Plot { title: "loss", numbers: &rising, said },
            Plot { title: "held-out", numbers: &[2.0, 1.0], said },
            Plot { title: "nothing", numbers: &[1.0], said },
        ];
        let text = side_by_side(&plots);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + HEIGHT);
        assert!(lines[0].starts_with("  loss 0.0 → 99.0") && lines[0].ends_with("held-out 2.0 → 1.0"));
        // The highest line holds the end of what rises and the beginning of what falls.
        let first = lines[1].chars().position(|c| c != ' ');
        assert!(first > Some(25) && lines[1].contains('█'), "{text}");
        assert!(lines[HEIGHT].starts_with("  ▁"), "{text}");
        assert_eq!(side_by_side(&[]), "");
    }
}
