//! Points of a plan, drawn: seconds to the right, chip-seconds upwards, both logarithmic.

use engine::plan::{Phase, Point};

/// A panel, and the room around it.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 62.0;
const GAP: f64 = 90.0;

const INK: &str = "#222222";
const WEAK: &str = "#555555";
const LINE: &str = "#e5e5e5";
const FRONT: &str = "#c2410c";
const OTHER: &str = "#1d4ed8";

/// The picture of both phases; points on the front are joined and say how many chips and sequences they take.
pub fn svg(title: &str, points: &[Point]) -> String {
    let (width, height) = (LEFT + 2.0 * (WIDTH + GAP), TOP + HEIGHT + 60.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-weight=\"bold\" fill=\"{INK}\">{}</text>\n",
        escaped(title)
    );
    for (phase, name, left) in [
        (Phase::Prefill, "reading: seconds to the first token", LEFT),
        (Phase::Decode, "writing: seconds for each token", LEFT + WIDTH + GAP),
    ] {
        let of_phase: Vec<&Point> = points.iter().filter(|point| point.phase == phase).collect();
        svg.push_str(&panel(name, &of_phase, left));
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(name: &str, points: &[&Point], left: f64) -> String {
    let mut svg = String::new();
    let mut add = |text: String| svg.push_str(&format!("{text}\n"));
    add(format!(
        "<text x=\"{left}\" y=\"{}\" fill=\"{INK}\">{name}, by chip-seconds for a token</text>",
        TOP - 12.0
    ));
    let x_axis = Axis::of(points.iter().map(|point| point.seconds), left, left + WIDTH);
    let y_axis = Axis::of(points.iter().map(|point| point.chip_s_per_token), TOP + HEIGHT, TOP);
    let bottom = TOP + HEIGHT;
    for value in x_axis.marks() {
        let x = x_axis.at(value);
        add(format!("<path d=\"M{x:.1} {TOP}v{HEIGHT}\" stroke=\"{LINE}\"/>"));
        add(format!(
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"{WEAK}\">{}</text>",
            bottom + 16.0,
            short(value)
        ));
    }
    for value in y_axis.marks() {
        let y = y_axis.at(value);
        add(format!("<path d=\"M{left} {y:.1}h{WIDTH}\" stroke=\"{LINE}\"/>"));
        add(format!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{WEAK}\">{}</text>",
            left - 6.0,
            y + 4.0,
            short(value)
        ));
    }
    let place = |point: &Point| (x_axis.at(point.seconds), y_axis.at(point.chip_s_per_token));
    for point in points.iter().filter(|point| !point.best) {
        let (x, y) = place(point);
        add(format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{OTHER}\" fill-opacity=\"0.35\"/>"
        ));
    }
    let mut front: Vec<&&Point> = points.iter().filter(|point| point.best).collect();
    front.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let corners: Vec<String> = front
        .iter()
        .map(|point| {
            let (x, y) = place(point);
            format!("{x:.1},{y:.1}")
        })
        .collect();
    add(format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{FRONT}\" stroke-width=\"2\"/>",
        corners.join(" ")
    ));
    for (point, i) in front.iter().zip(0..) {
        let (x, y) = place(point);
        let told = format!(
            "{} chips, {} at a time, {}, {:.0} % of the peak",
            point.chips,
            point.batch,
            point.layout,
            100.0 * point.utilisation
        );
        add(format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{FRONT}\"><title>{}</title></circle>",
            escaped(&told)
        ));
        // Labels of neighbours would lie over each other.
        if (front.len() - 1 - i).is_multiple_of(2) {
            add(format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"9\" fill=\"{INK}\">{}×{}</text>",
                x + 5.0,
                y - 5.0,
                point.chips,
                point.batch
            ));
        }
    }
    add(format!(
        "<text x=\"{left}\" y=\"{}\" font-size=\"10\" fill=\"{WEAK}\">chips × sequences; the line is the front</text>",
        bottom + 36.0
    ));
    svg
}

/// From logarithms to places.
struct Axis {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (least, most) =
            values.fold((f64::INFINITY, 0.0f64), |(least, most), v| (least.min(v), most.max(v)));
        let (least, most) = if least.is_finite() { (least / 1.2, most * 1.2) } else { (0.1, 1.0) };
        Self { least: least.ln(), most: most.ln(), from, to }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * (value.ln() - self.least) / (self.most - self.least)
    }

    /// 1, 2 and 5 times powers of ten, or the powers alone where those are too many.
    fn marks(&self) -> Vec<f64> {
        let all = |of: &[f64]| -> Vec<f64> {
            let powers = (-12..=12).map(|e| 10f64.powi(e));
            let values = powers.flat_map(|power| of.iter().map(move |m| m * power)).collect::<Vec<f64>>();
            values.into_iter().filter(|v| (self.least..=self.most).contains(&v.ln())).collect()
        };
        let fine = all(&[1.0, 2.0, 5.0]);
        if fine.len() <= 8 { fine } else { all(&[1.0]) }
    }
}

/// Without trailing zeros: 0.002, 50, 1e-5.
fn short(value: f64) -> String {
    match value {
        v if (1e-4..1e5).contains(&v) => {
            let text = format!("{v:.5}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        v => format!("{v:.0e}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::plan::{Workload, front, machines, shape_named};

    #[test]
    fn every_point_is_drawn_within_its_panel_and_the_front_is_joined() {
        let machine = machines().iter().find(|machine| machine.name == "tpu-v4").unwrap();
        let points = front(shape_named("palm-8b").unwrap(), machine, Some(16), &Workload::default()).unwrap();
        let svg = svg("a < b", &points);
        assert_eq!(svg.matches("<circle").count(), points.len());
        assert_eq!(svg.matches("<title>").count(), points.iter().filter(|point| point.best).count());
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("a &lt; b"));
        let places = svg.split("cx=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        for x in places.map(|x| x.parse::<f64>().unwrap()) {
            let panel = (LEFT..=LEFT + WIDTH).contains(&x);
            assert!(panel || (LEFT + WIDTH + GAP..=LEFT + 2.0 * WIDTH + GAP).contains(&x), "{x}");
        }
        assert_eq!([0.002, 50.0, 1e-5].map(short), ["0.002", "50", "1e-5"]);
    }
}
