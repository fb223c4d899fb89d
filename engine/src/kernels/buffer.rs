//! Memory that is used again.
//!
//! Each step of a decoder needs the same sizes as the one before. Memory fresh from the system is cleared page by page
//! when it is first touched, which takes a tenth of the time of a large product; so what a step no longer needs is kept
//! for the next one.

use std::cell::Cell;
use std::fmt::{Debug, Formatter};
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use super::activations::{Factors, Planes};
use super::{levels, plane};

/// Numbers that somebody else had before: each place is written before it is read.
pub struct Buffer<T: Reused = f32> {
    memory: Vec<T>,
    len: usize,
}

/// Numbers for which there are buffers.
pub trait Reused: Copy + Default + 'static {
    /// Where those that are free wait.
    fn free() -> &'static Free<Self>;
}

/// Buffers that nobody has.
pub struct Free<T>(Mutex<Vec<Vec<T>>>);

impl<T> Free<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Vec<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Buffers of each of these, and a way to empty them all.
macro_rules! reused {
    ($($number:ty),+ $(,)?) => {
        $(
            impl Reused for $number {
                fn free() -> &'static Free<Self> {
                    static FREE: Free<$number> = Free::new();
                    &FREE
                }
            }
        )+

        /// Gives all memory back that waits: for a program that has nothing to compute for a while.
        pub fn give_back() {
            $(<$number>::free().list().clear();)+
        }
    };
}

reused!(f32, u32, [i8; 4], Factors, Planes, levels::Factor, plane::Factor);

/// Buffers that wait; of more the smallest goes.
const MOST_FREE: usize = 64;

/// A buffer is not lent where less than one part in so many of it would be used.
const LARGEST_SHARE: usize = 8;

impl<T: Reused> Buffer<T> {
    /// Of `len` numbers, which may be anything.
    pub fn new(len: usize) -> Self {
        let mut free = T::free().list();
        let fits = |memory: &Vec<T>| memory.len() >= len && memory.len() / LARGEST_SHARE <= len;
        let best = free.iter().enumerate().filter(|(_, memory)| fits(memory));
        let best = best.min_by_key(|(_, memory)| memory.len()).map(|(i, _)| i);
        let memory = best.map(|i| free.swap_remove(i));
        drop(free);
        Self { memory: memory.unwrap_or_else(|| vec![T::default(); len]), len }
    }

    /// Of `len` times the same.
    pub fn full(len: usize, number: T) -> Self {
        let mut buffer = Self::new(len);
        buffer.fill(number);
        buffer
    }

    /// A copy of these.
    pub fn of(numbers: &[T]) -> Self {
        let mut buffer = Self::new(numbers.len());
        buffer.copy_from_slice(numbers);
        buffer
    }

    /// Its numbers, for somebody who keeps them.
    pub fn into_vec(mut self) -> Vec<T> {
        let mut memory = std::mem::take(&mut self.memory);
        memory.truncate(self.len);
        memory
    }
}

impl<T: Reused> Default for Buffer<T> {
    fn default() -> Self {
        Self { memory: Vec::new(), len: 0 }
    }
}

impl<T: Reused> From<Vec<T>> for Buffer<T> {
    fn from(memory: Vec<T>) -> Self {
        Self { len: memory.len(), memory }
    }
}

impl<T: Reused> Drop for Buffer<T> {
    fn drop(&mut self) {
        if self.memory.is_empty() {
            return;
        }
        let mut free = T::free().list();
        free.push(std::mem::take(&mut self.memory));
        if free.len() > MOST_FREE
            && let Some((smallest, _)) = free.iter().enumerate().min_by_key(|(_, memory)| memory.len())
        {
            free.swap_remove(smallest);
        }
    }
}

impl<T: Reused> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[..self.len]
    }
}

impl<T: Reused> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[..self.len]
    }
}

impl<T: Reused + Debug> Debug for Buffer<T> {
    fn fmt(&self, f: &mut Formatter) -> std::fmt::Result {
        self[..].fmt(f)
    }
}

impl<T: Reused + PartialEq> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl<T: Reused> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Self::of(self)
    }
}

/// Lends a task numbers that its thread keeps for it and the next one; they may be anything.
pub fn scratch<R>(len: usize, task: impl FnOnce(&mut [f32]) -> R) -> R {
    thread_local! {
        static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    }
    // A task within a task finds none and gets its own.
    let mut memory = SCRATCH.take();
    if memory.len() < len {
        memory = vec![0.0; len];
    }
    let result = task(&mut memory[..len]);
    SCRATCH.set(memory);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With buffers of its own: other tests run beside it.
    #[derive(Clone, Copy, Default, PartialEq, Debug)]
    struct Number(u16);

    impl Reused for Number {
        fn free() -> &'static Free<Self> {
            static FREE: Free<Number> = Free::new();
            &FREE
        }
    }

    #[test]
    fn scratch_stays_and_grows() {
        scratch(10, |numbers| numbers.fill(3.0));
        scratch(5, |outer| {
            assert_eq!(outer, [3.0; 5]);
            scratch(7, |inner| assert_eq!(inner.len(), 7));
            assert_eq!(outer, [3.0; 5]);
        });
    }

    #[test]
    fn memory_comes_back_where_it_fits() {
        let first = Buffer::<Number>::full(100, Number(7));
        let place = first.as_ptr();
        drop(first);
        let again = Buffer::<Number>::new(60);
        assert_eq!((again.as_ptr(), again.len()), (place, 60));
        let other = Buffer::<Number>::new(60);
        assert_ne!(other.as_ptr(), place);
        drop(again);
        assert_ne!(Buffer::<Number>::new(101).as_ptr(), place, "too small");
        assert_ne!(Buffer::<Number>::new(5).as_ptr(), place, "far too large");
        assert_eq!(Buffer::of(&[Number(1), Number(2)]).into_vec(), [Number(1), Number(2)]);
        let many: Vec<_> = (0..100).map(|_| Buffer::<Number>::new(9)).collect();
        drop(many);
        assert_eq!(Number::free().list().len(), MOST_FREE);
    }
}
