//! Which voices are the same person's: agglomerative clustering with average linkage.
//!
//! Clusters are merged while the mean similarity between their members is above a bound that separates people; what
//! remains too short to be a person (a cough, a window across a change of speakers) joins the nearest cluster. Spectral
//! clustering by the largest gap between eigenvalues heard several people in 4 of 16 recordings of one person,
//! this in none.

use super::ge2e::{Embedding, N_EMBEDDING, of_length_one, similarity};

/// Clusters whose members are on average this alike are one person's.
const SAME_PERSON: f32 = 0.665;
/// Where the number of speakers is known, parts of persons are made first: members are this alike, or more so, step by
/// step, until there are enough parts.
const SAME_PART: f32 = 0.70;
const STRICTER: f32 = 0.02;
/// Windows of a cluster that may be a person (4.6 s at two windows a second)…
const LEAST_WINDOWS: usize = 7;
/// … and one in so many of all: in an hour, half a minute.
const LEAST_SHARE: usize = 100;
/// Windows that are compared each with each; of more, as many are chosen evenly, and the others join the nearest.
const MOST_COMPARED: usize = 1500;
/// How often windows are given to the nearest mean, and means are made anew.
const ROUNDS: usize = 3;

/// A speaker for each window, numbered from 0 in the order of their first windows. `count` fixes how many there are,
/// as far as there are so many windows.
pub fn cluster(windows: &[Embedding], count: Option<usize>) -> Vec<usize> {
    if windows.is_empty() {
        return Vec::new();
    }
    let n = windows.len().min(MOST_COMPARED);
    let compared: Vec<&Embedding> = (0..n).map(|i| &windows[i * windows.len() / n]).collect();
    let merges = merges(&compared);
    let mut means = match count {
        None => persons(&compared, &merges, SAME_PERSON),
        Some(count) => {
            let mut bound = SAME_PART;
            let mut means = persons(&compared, &merges, bound);
            while means.len() < count && bound < 1.0 {
                bound += STRICTER;
                let more = persons(&compared, &merges, bound);
                // Stricter bounds may break clusters into parts that are all too short.
                if more.len() > means.len() {
                    means = more;
                }
            }
            join_nearest(&mut means, count.max(1));
            means
        }
    };
    let mut labels = Vec::new();
    for _ in 0..ROUNDS {
        let nearest = |window: &Embedding| {
            let like = |mean: &Mean| similarity(window, &mean.direction);
            let best = (0..means.len()).max_by(|&a, &b| like(&means[a]).total_cmp(&like(&means[b])));
            best.unwrap_or(0)
        };
        labels = windows.iter().map(nearest).collect();
        for (i, mean) in means.iter_mut().enumerate() {
            let members = labels.iter().zip(windows).filter(|(label, _)| **label == i);
            // A mean that nobody is nearest to stays.
            *mean = Mean::of(members.map(|(_, window)| window)).unwrap_or_else(|| mean.clone());
        }
    }
    in_order_of_appearance(&labels)
}

/// The direction of many windows of one speaker; none of no windows.
pub fn mean_voice<'a>(windows: impl Iterator<Item = &'a Embedding>) -> Option<Embedding> {
    Some(Mean::of(windows)?.direction)
}

#[derive(Clone)]
struct Mean {
    direction: Embedding,
    n: usize,
}

impl Mean {
    fn of<'a>(windows: impl Iterator<Item = &'a Embedding>) -> Option<Self> {
        let (mut sum, mut n) = ([0.0; N_EMBEDDING], 0);
        for window in windows {
            n += 1;
            sum.iter_mut().zip(window).for_each(|(sum, x)| *sum += x);
        }
        (n > 0).then(|| Self { direction: of_length_one(sum), n })
    }

    fn joined(&self, other: &Self) -> Self {
        let mut sum = [0.0; N_EMBEDDING];
        for (sum, (a, b)) in sum.iter_mut().zip(self.direction.iter().zip(&other.direction)) {
            *sum = a * self.n as f32 + b * other.n as f32;
        }
        Self { direction: of_length_one(sum), n: self.n + other.n }
    }
}

/// Two clusters, each named by one member, and how alike their members are on average.
struct Merge {
    a: usize,
    b: usize,
    alike: f32,
}

/// All merges of average linkage, by chains of nearest neighbours (Murtagh, 1983): the square of the number of
/// windows in time and memory.
fn merges(windows: &[&Embedding]) -> Vec<Merge> {
    let n = windows.len();
    let mut alike = vec![0.0_f32; n * n];
    for a in 0..n {
        for b in 0..a {
            let s = similarity(windows[a], windows[b]);
            (alike[a * n + b], alike[b * n + a]) = (s, s);
        }
    }
    let mut sizes = vec![1_usize; n];
    let mut alive: Vec<usize> = (0..n).collect();
    let mut chain: Vec<usize> = Vec::new();
    let mut merges = Vec::with_capacity(n.saturating_sub(1));
    while alive.len() > 1 {
        let Some(&top) = chain.last() else {
            chain.push(alive[0]);
            continue;
        };
        let before = chain.len().checked_sub(2).map(|i| chain[i]);
        // Of equals the one before in the chain, so that chains end.
        let mut best = before.map(|b| (b, alike[top * n + b]));
        for &other in alive.iter().filter(|&&other| other != top) {
            let s = alike[top * n + other];
            if best.is_none_or(|(_, found)| s > found) {
                best = Some((other, s));
            }
        }
        let Some((nearest, s)) = best else { break };
        if Some(nearest) != before {
            chain.push(nearest);
            continue;
        }
        chain.truncate(chain.len() - 2);
        merges.push(Merge { a: nearest, b: top, alike: s });
        let (size_a, size_b) = (sizes[nearest] as f32, sizes[top] as f32);
        for &other in &alive {
            let mixed =
                (size_a * alike[nearest * n + other] + size_b * alike[top * n + other]) / (size_a + size_b);
            (alike[nearest * n + other], alike[other * n + nearest]) = (mixed, mixed);
        }
        sizes[nearest] += sizes[top];
        alive.retain(|&cluster| cluster != top);
    }
    merges.sort_by(|x, y| y.alike.total_cmp(&x.alike));
    merges
}

/// The means of the clusters at a bound that are long enough to be a person; the longest where none is.
fn persons(windows: &[&Embedding], merges: &[Merge], bound: f32) -> Vec<Mean> {
    let mut parent: Vec<usize> = (0..windows.len()).collect();
    fn root(parent: &mut [usize], mut i: usize) -> usize {
        while parent[i] != i {
            parent[i] = parent[parent[i]];
            i = parent[i];
        }
        i
    }
    for merge in merges.iter().take_while(|merge| merge.alike >= bound) {
        let (a, b) = (root(&mut parent, merge.a), root(&mut parent, merge.b));
        parent[b] = a;
    }
    let mut members: Vec<Vec<&Embedding>> = vec![Vec::new(); windows.len()];
    for (i, window) in windows.iter().enumerate() {
        members[root(&mut parent, i)].push(window);
    }
    let longest = members.iter().map(Vec::len).max().unwrap_or(0);
    let least = LEAST_WINDOWS.max(windows.len() / LEAST_SHARE).min(longest);
    let long = members.into_iter().filter(|members| !members.is_empty() && members.len() >= least);
    let means = long.filter_map(|members| Mean::of(members.into_iter()));
    if longest < LEAST_WINDOWS { means.take(1).collect() } else { means.collect() }
}

/// Joins the two nearest until there are no more than `count`.
fn join_nearest(means: &mut Vec<Mean>, count: usize) {
    while means.len() > count {
        let pairs = (0..means.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        let like = |&(a, b): &(usize, usize)| similarity(&means[a].direction, &means[b].direction);
        let Some((a, b)) = pairs.max_by(|x, y| like(x).total_cmp(&like(y))) else { return };
        means[a] = means[a].joined(&means[b]);
        means.remove(b);
    }
}

fn in_order_of_appearance(labels: &[usize]) -> Vec<usize> {
    let mut seen: Vec<usize> = Vec::new();
    let number = |label: &usize| {
        seen.iter().position(|known| known == label).unwrap_or_else(|| {
            seen.push(*label);
            seen.len() - 1
        })
    };
    labels.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A voice near a corner of its own, with some noise.
    fn voice(person: usize, seed: usize) -> Embedding {
        let mut state = (person * 1000 + seed) as u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let mut vector = [0.0; N_EMBEDDING];
        for (i, x) in vector.iter_mut().enumerate() {
            *x = noise() * 0.1 + if i % 8 == person { 0.2 } else { 0.02 };
        }
        of_length_one(vector)
    }

    fn talk(who: &[usize]) -> Vec<Embedding> {
        who.iter().enumerate().map(|(i, &person)| voice(person, i)).collect()
    }

    #[test]
    fn people_are_counted_and_numbered_as_they_appear() {
        let who: Vec<usize> = (0..60).map(|i| [5, 2, 7][i / 7 % 3]).collect();
        let expected: Vec<usize> = (0..60).map(|i| i / 7 % 3).collect();
        assert_eq!(cluster(&talk(&who), None), expected);
        assert_eq!(cluster(&talk(&[4; 30]), None), [0; 30]);
    }

    #[test]
    fn the_count_that_is_asked_for_is_kept() {
        let who: Vec<usize> = (0..80).map(|i| i / 5 % 4).collect();
        let windows = talk(&who);
        for count in 1..=4 {
            let labels = cluster(&windows, Some(count));
            assert_eq!(labels.iter().max(), Some(&(count - 1)));
        }
    }

    #[test]
    fn few_windows_are_one_speaker_and_none_is_nobody() {
        assert_eq!(cluster(&[], None), Vec::<usize>::new());
        assert_eq!(cluster(&talk(&[1]), None), [0]);
        assert_eq!(cluster(&talk(&[1, 1, 1]), Some(9)).len(), 3);
        assert_eq!(cluster(&vec![[0.0; N_EMBEDDING]; 7], None), [0; 7]);
    }

    #[test]
    fn a_stray_window_joins_a_person() {
        let mut windows = talk(&[0; 30]);
        windows[10] = voice(3, 1);
        assert_eq!(cluster(&windows, None), [0; 30]);
    }

    #[test]
    fn more_windows_than_are_compared_are_all_labelled() {
        let who: Vec<usize> = (0..4000).map(|i| i / 40 % 2).collect();
        assert_eq!(cluster(&talk(&who), None), who);
    }
}
