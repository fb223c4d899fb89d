//! What batches and clusters can reach: seconds against chip-seconds.

use serde::Serialize;

use super::choose::choose;
use super::cost::{Phase, Workload};
use super::layout::Layout;
use super::machine::Machine;
use super::shape::Shape;
use crate::error::Result;

/// One plan as a point (Pope et al., figure 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Reading or writing.
    pub phase: Phase,
    /// Chips.
    pub chips: usize,
    /// Sequences at a time.
    pub batch: usize,
    /// Seconds until all prompts are read, or for one token of each sequence.
    pub seconds: f64,
    /// Chip-seconds for a token.
    pub chip_s_per_token: f64,
    /// Share of the peak.
    pub utilisation: f64,
    /// The layout.
    pub layout: Layout,
    /// Whether no other point is both quicker and cheaper: on the Pareto front.
    pub best: bool,
}

/// Points for batches of powers of two up to 1,024 on clusters of powers of two up to `chips`, where they fit; seconds
/// are expected ones on a machine that was measured, else bounds.
///
/// # Errors
/// As [`choose`] where nothing at all fits.
pub fn front(
    shape: &Shape,
    machine: &Machine,
    chips: Option<usize>,
    workload: &Workload,
) -> Result<Vec<Point>> {
    let most = machine.count(chips)?;
    let mut counts: Vec<usize> = (0..).map(|i| 1 << i).take_while(|n| *n < most).collect();
    counts.push(most);
    let (mut points, mut refused) = (Vec::new(), None);
    for chips in counts {
        for batch in (0..=10).map(|i| 1 << i) {
            let plan = match choose(shape, machine, Some(chips), &Workload { batch, ..*workload }) {
                Ok(plan) => plan,
                Err(error) => {
                    refused = Some(error);
                    continue;
                }
            };
            for (phase, choice, tokens) in
                [(Phase::Prefill, plan.prefill, workload.prompt), (Phase::Decode, plan.decode, 1)]
            {
                let seconds = choice.cost.expected_s.unwrap_or(choice.cost.seconds);
                points.push(Point {
                    phase,
                    chips,
                    batch,
                    seconds,
                    chip_s_per_token: chips as f64 * seconds / (batch * tokens) as f64,
                    utilisation: choice.cost.utilisation * choice.cost.seconds / seconds,
                    layout: choice.layout,
                    best: false,
                });
            }
        }
    }
    if let (true, Some(error)) = (points.is_empty(), refused) {
        return Err(error);
    }
    mark(&mut points);
    Ok(points)
}

/// Marks the points that no other of their phase beats in both.
fn mark(points: &mut [Point]) {
    for phase in [Phase::Prefill, Phase::Decode] {
        let mut order: Vec<usize> = (0..points.len()).filter(|i| points[*i].phase == phase).collect();
        order.sort_by(|a, b| {
            let key = |i: &usize| (points[*i].seconds, points[*i].chip_s_per_token);
            key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal)
        });
        let mut cheapest = f64::INFINITY;
        for i in order {
            points[i].best = points[i].chip_s_per_token < cheapest;
            cheapest = cheapest.min(points[i].chip_s_per_token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{machines, shape_named};

    #[test]
    fn no_point_of_the_front_is_beaten_and_every_other_one_is() {
        let machine = machines().iter().find(|machine| machine.name == "tpu-v4").unwrap();
        let shape = shape_named("palm-8b").unwrap();
        let points = front(shape, machine, Some(16), &Workload::default()).unwrap();
        let beats = |a: &Point, b: &Point| {
            a.phase == b.phase
                && a.seconds <= b.seconds
                && a.chip_s_per_token <= b.chip_s_per_token
                && (a.seconds < b.seconds || a.chip_s_per_token < b.chip_s_per_token)
        };
        for point in &points {
            let beaten = points.iter().any(|other| beats(other, point));
            // Of several that are equal one is enough.
            let same = |other: &&Point| {
                let key = |p: &Point| (p.phase, p.seconds.to_bits(), p.chip_s_per_token.to_bits());
                key(other) == key(point)
            };
            let of_equals = points.iter().filter(same).filter(|other| other.best).count();
            assert_eq!(of_equals, usize::from(!beaten), "{point:?}");
        }
        let n_best = points.iter().filter(|point| point.best).count();
        assert!(n_best > 6 && n_best < points.len(), "{n_best} of {}", points.len());
    }
}
