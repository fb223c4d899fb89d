//! What layers take and give: rows of numbers.

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Tensor};

use super::stored::with_slice;
use crate::kernels::buffer::Buffer;
use crate::kernels::rowwise::for_each_row;

/// Rows of numbers, which our kernels compute with where they are in the processor's memory, and candle elsewhere:
/// a tensor, or [`Rows`].
pub trait Array: Sized {
    /// The tensor, where candle computes: on another device, and wherever what is computed is traced for gradients.
    fn on_device(&self) -> Option<&Tensor>;

    /// What candle computed there.
    fn of_device(x: Tensor) -> Self;

    /// Numbers of a row: the last dimension.
    fn width(&self) -> usize;

    /// Numbers in all.
    fn n_numbers(&self) -> usize;

    /// Lends the numbers.
    ///
    /// # Errors
    /// When they are not in the processor's memory, in one piece.
    fn read<T>(&self, f: impl FnOnce(&[f32]) -> T) -> candle_core::Result<T>;

    /// The same with other numbers; nobody else holds it.
    ///
    /// # Errors
    /// As [`Array::read`].
    fn change(self, f: impl Fn(&mut [f32])) -> candle_core::Result<Self>;

    /// `[n, width]` in the processor's memory.
    ///
    /// # Errors
    /// When these are not whole rows.
    fn of(numbers: Buffer, width: usize) -> candle_core::Result<Self>;

    /// The shape of this one with other numbers.
    ///
    /// # Errors
    /// When it has not as many.
    fn like(&self, numbers: Buffer) -> candle_core::Result<Self>;

    /// What `f` makes of each run of `width` numbers, on all threads.
    ///
    /// # Errors
    /// As [`Array::read`].
    fn map_rows(&self, width: usize, f: impl Fn(&[f32], &mut [f32]) + Sync) -> candle_core::Result<Self> {
        let numbers = self.read(|x| {
            let mut y = Buffer::new(x.len());
            for_each_row(&mut y, width, |i, y| f(&x[i * width..][..y.len()], y));
            y
        })?;
        self.like(numbers)
    }
}

impl Array for Tensor {
    fn on_device(&self) -> Option<&Tensor> {
        (!matches!(self.device(), Device::Cpu) || self.track_op()).then_some(self)
    }

    fn of_device(x: Tensor) -> Self {
        x
    }

    fn width(&self) -> usize {
        self.dims().last().copied().unwrap_or(1)
    }

    fn n_numbers(&self) -> usize {
        self.elem_count()
    }

    fn read<T>(&self, f: impl FnOnce(&[f32]) -> T) -> candle_core::Result<T> {
        with_slice(&self.contiguous()?, f)
    }

    fn change(self, f: impl Fn(&mut [f32])) -> candle_core::Result<Self> {
        self.inplace_op1(&InPlace(f))?;
        Ok(self)
    }

    fn of(numbers: Buffer, width: usize) -> candle_core::Result<Self> {
        let n = numbers.len().checked_div(width).unwrap_or(0);
        Self::from_vec(numbers.into_vec(), (n, width), &Device::Cpu)
    }

    fn like(&self, numbers: Buffer) -> candle_core::Result<Self> {
        Self::from_vec(numbers.into_vec(), self.shape(), &Device::Cpu)
    }
}

/// A function of a tensor that nobody else holds.
struct InPlace<F>(F);

impl<F: Fn(&mut [f32])> InplaceOp1 for InPlace<F> {
    fn name(&self) -> &'static str {
        "in place"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (Some((start, end)), CpuStorage::F32(values)) = (layout.contiguous_offsets(), storage) else {
            candle_core::bail!("contiguous f32 is needed");
        };
        (self.0)(&mut values[start..end]);
        Ok(())
    }
}

/// Rows between the layers of a decoder. In the processor's memory they are buffers, which the next layer, or the next
/// step, uses again.
#[derive(Clone)]
pub enum Rows {
    /// In the processor's memory.
    Host {
        /// Row after row.
        numbers: Buffer,
        /// Numbers of a row.
        width: usize,
    },
    /// On another device, or wherever candle traces what is computed for gradients.
    Device(Tensor),
}

impl Array for Rows {
    fn on_device(&self) -> Option<&Tensor> {
        match self {
            Self::Host { .. } => None,
            Self::Device(x) => Some(x),
        }
    }

    fn of_device(x: Tensor) -> Self {
        Self::Device(x)
    }

    fn width(&self) -> usize {
        match self {
            Self::Host { width, .. } => *width,
            Self::Device(x) => x.width(),
        }
    }

    fn n_numbers(&self) -> usize {
        match self {
            Self::Host { numbers, .. } => numbers.len(),
            Self::Device(x) => x.elem_count(),
        }
    }

    fn read<T>(&self, f: impl FnOnce(&[f32]) -> T) -> candle_core::Result<T> {
        self.numbers().map(f)
    }

    fn change(self, f: impl Fn(&mut [f32])) -> candle_core::Result<Self> {
        let Self::Host { mut numbers, width } = self else { return Err(elsewhere()) };
        f(&mut numbers);
        Ok(Self::Host { numbers, width })
    }

    fn of(numbers: Buffer, width: usize) -> candle_core::Result<Self> {
        if width == 0 || !numbers.len().is_multiple_of(width) {
            candle_core::bail!("{} numbers are not rows of {width}", numbers.len());
        }
        Ok(Self::Host { numbers, width })
    }

    fn like(&self, numbers: Buffer) -> candle_core::Result<Self> {
        if numbers.len() != self.n_numbers() {
            candle_core::bail!("{} numbers are not as many as {}", numbers.len(), self.n_numbers());
        }
        Self::of(numbers, self.width())
    }
}

fn elsewhere() -> candle_core::Error {
    candle_core::Error::msg("these rows are not in the processor's memory")
}

impl Rows {
    /// A copy of a tensor, where it is; only the last dimension is kept.
    ///
    /// # Errors
    /// When it has no f32 numbers.
    pub fn copy(x: &Tensor) -> candle_core::Result<Self> {
        match x.device() {
            Device::Cpu => Self::of(x.read(Buffer::of)?, x.width()),
            _ => Ok(Self::Device(x.copy()?)),
        }
    }

    /// How many there are.
    pub fn n(&self) -> usize {
        self.n_numbers().checked_div(self.width()).unwrap_or(0)
    }

    fn numbers(&self) -> candle_core::Result<&[f32]> {
        match self {
            Self::Host { numbers, .. } => Ok(numbers),
            Self::Device(_) => Err(elsewhere()),
        }
    }

    /// Some of the rows, in this order.
    ///
    /// # Errors
    /// When there is no such row.
    pub fn select(&self, rows: &[u32]) -> candle_core::Result<Self> {
        if let Self::Device(x) = self {
            return x.index_select(&Tensor::new(rows, x.device())?, 0).map(Self::Device);
        }
        let (all, width) = (self.numbers()?, self.width());
        if let Some(row) = rows.iter().find(|row| **row as usize >= self.n()) {
            candle_core::bail!("there is no row {row} of {}", self.n());
        }
        let mut some = Buffer::new(rows.len() * width);
        for (to, row) in some.chunks_exact_mut(width).zip(rows) {
            to.copy_from_slice(&all[*row as usize * width..][..width]);
        }
        Self::of(some, width)
    }

    /// A part of each row, `[n, width]` from number `start` on.
    ///
    /// # Errors
    /// When rows are not as long.
    pub fn columns(&self, start: usize, width: usize) -> candle_core::Result<Self> {
        if let Self::Device(x) = self {
            return x.narrow(1, start, width)?.contiguous().map(Self::Device);
        }
        let (all, from) = (self.numbers()?, self.width());
        if start + width > from {
            candle_core::bail!("rows of {from} have no numbers {start} to {}", start + width);
        }
        let mut some = Buffer::new(self.n() * width);
        for (to, row) in some.chunks_exact_mut(width).zip(all.chunks_exact(from)) {
            to.copy_from_slice(&row[start..start + width]);
        }
        Self::of(some, width)
    }

    /// `factor · x`.
    ///
    /// # Errors
    /// When a device has no memory left.
    pub fn times(self, factor: f64) -> candle_core::Result<Self> {
        match self {
            Self::Device(x) => (x * factor).map(Self::Device),
            host => {
                let (width, factor) = (host.width(), factor as f32);
                host.change(|x| for_each_row(x, width, |_, row| row.iter_mut().for_each(|x| *x *= factor)))
            }
        }
    }

    /// Writes rows over those from `row` on.
    ///
    /// # Errors
    /// When there is no place for them, or they are not f32.
    pub fn write(&mut self, row: usize, rows: &Tensor) -> candle_core::Result<()> {
        match self {
            Self::Device(x) => x.slice_set(&rows.to_device(x.device())?.contiguous()?, 0, row),
            Self::Host { numbers, width } => rows.to_device(&Device::Cpu)?.read(|rows| {
                let Some(place) = numbers.get_mut(row * *width..row * *width + rows.len()) else {
                    candle_core::bail!("{} numbers do not fit from row {row} on", rows.len());
                };
                place.copy_from_slice(rows);
                Ok(())
            })?,
        }
    }

    /// Rows of several, one after the other.
    ///
    /// # Errors
    /// When they have not the same width.
    pub fn join(parts: Vec<Self>) -> candle_core::Result<Self> {
        let [first, ..] = &parts[..] else { candle_core::bail!("there are no rows to join") };
        if let [_] = &parts[..] {
            return parts.into_iter().next().ok_or_else(elsewhere);
        }
        if first.on_device().is_some() {
            let tensors: Vec<&Tensor> = parts.iter().filter_map(Self::on_device).collect();
            return Tensor::cat(&tensors, 0).map(Self::Device);
        }
        let (width, mut at) = (first.width(), 0);
        let mut all = Buffer::new(parts.iter().map(Self::n_numbers).sum());
        for part in &parts {
            if part.width() != width {
                candle_core::bail!("rows of {} and {width} cannot be joined", part.width());
            }
            all[at..at + part.n_numbers()].copy_from_slice(part.numbers()?);
            at += part.n_numbers();
        }
        Self::of(all, width)
    }

    /// The same in the processor's memory.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn to_host(self) -> candle_core::Result<Self> {
        match self {
            Self::Device(x) => Self::copy(&x.to_device(&Device::Cpu)?),
            host => Ok(host),
        }
    }

    /// Each row by itself, in the processor's memory.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn each(self) -> candle_core::Result<Vec<Buffer>> {
        match self.to_host()? {
            Self::Host { numbers, width } if numbers.len() == width => Ok(vec![numbers]),
            host => Ok(host.numbers()?.chunks_exact(host.width()).map(Buffer::of).collect()),
        }
    }

    /// A copy as a tensor, `[n, width]` in the processor's memory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn to_tensor(&self) -> candle_core::Result<Tensor> {
        match self {
            Self::Device(x) => x.to_device(&Device::Cpu),
            Self::Host { numbers, width } => {
                Tensor::from_slice(numbers, (numbers.len() / width, *width), &Device::Cpu)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the processor's memory and where decoders compute: on a GPU where the tests run on one.
    fn both(x: &Tensor) -> [Rows; 2] {
        let device = crate::device::for_decoders().unwrap();
        [Rows::copy(x).unwrap(), Rows::Device(x.to_device(device).unwrap())]
    }

    #[test]
    fn rows_are_chosen_cut_scaled_written_and_joined_alike_everywhere() {
        let x = Tensor::arange(0f32, 12.0, &Device::Cpu).unwrap().reshape((4, 3)).unwrap();
        let new = Tensor::full(9f32, (2, 3), &Device::Cpu).unwrap();
        for rows in both(&x) {
            assert_eq!((rows.n(), rows.width()), (4, 3));
            let row = |rows: &Rows, i: usize| rows.clone().each().unwrap().swap_remove(i).into_vec();
            let picked = rows.select(&[3, 0]).unwrap();
            assert_eq!([row(&picked, 0), row(&picked, 1)], [[9.0, 10.0, 11.0], [0.0, 1.0, 2.0]]);
            assert!(rows.select(&[4]).is_err());
            let cut = rows.columns(1, 2).unwrap();
            assert_eq!(row(&cut, 3), [10.0, 11.0]);
            assert!(rows.columns(2, 2).is_err());
            let both = Rows::join(vec![picked, rows.select(&[1]).unwrap()]).unwrap();
            assert_eq!(row(&both, 2), [3.0, 4.0, 5.0]);
            let mut doubled = rows.times(2.0).unwrap();
            doubled.write(1, &new).unwrap();
            assert!(doubled.write(3, &new).is_err());
            let doubled = doubled.to_tensor().unwrap().to_vec2::<f32>().unwrap();
            assert_eq!(doubled, [[0.0, 2.0, 4.0], [9.0; 3], [9.0; 3], [18.0, 20.0, 22.0]]);
        }
    }
}
