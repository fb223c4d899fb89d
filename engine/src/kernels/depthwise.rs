//! Depthwise convolution: each channel with its own small kernel.

/// A depthwise convolution with TensorFlow's "same" padding: the output has
/// `ceil(side / stride)` places and what padding is odd goes right and down.
#[derive(Debug, Clone, Copy)]
pub struct Depthwise {
    /// Side of the square kernel.
    pub kernel: usize,
    /// Step between output places.
    pub stride: usize,
}

/// Padding before the first place and the number of places, for one side.
pub fn same_padding(side: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let places = side.div_ceil(stride);
    let total = ((places - 1) * stride + kernel).saturating_sub(side);
    (total / 2, places)
}

impl Depthwise {
    /// One channel.
    ///
    /// # Shapes
    /// - `x`: `[height, width]`
    /// - `weights`: `[kernel, kernel]`
    /// - `out`: `[ceil(height / stride), ceil(width / stride)]`, overwritten
    pub fn channel(
        self,
        x: &[f32],
        (height, width): (usize, usize),
        weights: &[f32],
        bias: f32,
        out: &mut [f32],
    ) {
        let Self { kernel, stride } = self;
        let (top, _) = same_padding(height, kernel, stride);
        let (left, columns) = same_padding(width, kernel, stride);
        out.fill(bias);
        for (row, out) in out.chunks_exact_mut(columns).enumerate() {
            for ky in 0..kernel {
                let Some(y) = (row * stride + ky).checked_sub(top).filter(|y| *y < height) else { continue };
                let line = &x[y * width..(y + 1) * width];
                for kx in 0..kernel {
                    let weight = weights[ky * kernel + kx];
                    // Output columns whose input column lies inside the line.
                    let first = left.saturating_sub(kx).div_ceil(stride);
                    let end = (width + left).saturating_sub(kx).div_ceil(stride).min(columns);
                    if first >= end {
                        continue;
                    }
                    let start = first * stride + kx - left;
                    if stride == 1 {
                        for (out, x) in out[first..end].iter_mut().zip(&line[start..]) {
                            *out += weight * x;
                        }
                    } else {
                        for (out, x) in out[first..end].iter_mut().zip(line[start..].iter().step_by(stride)) {
                            *out += weight * x;
                        }
                    }
                }
            }
        }
    }

    /// Rows and columns of the output.
    pub fn output(self, (height, width): (usize, usize)) -> (usize, usize) {
        (same_padding(height, self.kernel, self.stride).1, same_padding(width, self.kernel, self.stride).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slow and obvious.
    fn reference(
        op: Depthwise,
        x: &[f32],
        (height, width): (usize, usize),
        weights: &[f32],
        bias: f32,
    ) -> Vec<f32> {
        let (top, rows) = same_padding(height, op.kernel, op.stride);
        let (left, columns) = same_padding(width, op.kernel, op.stride);
        let mut out = Vec::new();
        for row in 0..rows {
            for column in 0..columns {
                let mut sum = bias;
                for ky in 0..op.kernel {
                    for kx in 0..op.kernel {
                        let y = (row * op.stride + ky) as isize - top as isize;
                        let x_at = (column * op.stride + kx) as isize - left as isize;
                        if (0..height as isize).contains(&y) && (0..width as isize).contains(&x_at) {
                            sum += weights[ky * op.kernel + kx] * x[y as usize * width + x_at as usize];
                        }
                    }
                }
                out.push(sum);
            }
        }
        out
    }

    #[test]
    fn equals_the_reference_at_every_edge() {
        for kernel in [1, 3, 5] {
            for stride in [1, 2] {
                for size in [(1, 1), (2, 3), (5, 4), (7, 7), (8, 9)] {
                    let x: Vec<f32> = (0..size.0 * size.1).map(|i| (i as f32 * 0.37).sin()).collect();
                    let weights: Vec<f32> = (0..kernel * kernel).map(|i| (i as f32).cos()).collect();
                    let op = Depthwise { kernel, stride };
                    let (rows, columns) = op.output(size);
                    let mut got = vec![f32::NAN; rows * columns];
                    op.channel(&x, size, &weights, 0.5, &mut got);
                    let want = reference(op, &x, size, &weights, 0.5);
                    assert_eq!(got.len(), want.len());
                    for (got, want) in got.iter().zip(&want) {
                        assert!((got - want).abs() < 1e-5, "kernel {kernel}, stride {stride}, {size:?}");
                    }
                }
            }
        }
    }
}
