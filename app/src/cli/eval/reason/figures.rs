//! Means with intervals.

use serde::Serialize;

/// A mean and half of its interval of 95 %, by the t distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Half of the interval; none of fewer than two numbers.
    pub half: Option<f64>,
    /// Numbers.
    pub n: usize,
}

impl Mean {
    /// For people, in percent.
    pub fn percent(self) -> String {
        let half = self.half.map(|half| format!(" ± {:.1}", 100.0 * half)).unwrap_or_default();
        format!("{:5.1}{half} % (n = {})", 100.0 * self.mean, self.n)
    }
}

/// Of some numbers; 0 of none.
pub fn mean(numbers: impl Iterator<Item = f64>) -> Mean {
    let numbers: Vec<f64> = numbers.collect();
    let n = numbers.len();
    let mean = numbers.iter().sum::<f64>() / n.max(1) as f64;
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    let half = (n > 1).then(|| quantile(n - 1) * (squares / (n - 1) as f64 / n as f64).sqrt());
    Mean { mean, half, n }
}

/// The 97.5 % quantile of the t distribution.
fn quantile(freedom: usize) -> f64 {
    const TABLE: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    match freedom {
        0 => f64::NAN,
        1..=10 => TABLE[freedom - 1],
        // Cornish and Fisher's first term, within 0.01 from here on.
        _ => 1.96 + 2.3723 / freedom as f64 + 2.8225 / (freedom as f64).powi(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_that_of_the_t_distribution() {
        let found = mean([0.5, 0.7, 0.6].into_iter());
        assert!((found.mean - 0.6).abs() < 1e-12 && found.n == 3);
        assert!((found.half.unwrap() - 4.303 * 0.1 / 3f64.sqrt()).abs() < 1e-9);
        assert_eq!(mean([1.0].into_iter()).half, None);
        assert!((quantile(11) - 2.201).abs() < 0.01 && (quantile(30) - 2.042).abs() < 0.01);
    }
}
