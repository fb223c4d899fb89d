//! Short parallel loops.
//!
//! A decoding step has a few hundred of them, of some ten microseconds each. Waking a thread for each costs as much
//! again, so the team's threads look out for the next loop for a while before they sleep.

#![allow(unsafe_code)]

use std::any::Any;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread::Thread;

/// How often a thread looks for work before it sleeps: some 200 microseconds.
const LOOKS: usize = 6_000;

/// A part of a loop.
type Task<'a> = dyn Fn(usize) + Sync + 'a;

struct Team {
    /// Held by who runs a loop; has the threads beside the caller's, one less than the compute pool.
    leader: Mutex<Option<Vec<Member>>>,
    /// Counts loops.
    loops: AtomicUsize,
    /// 1 while members may enter the loop, plus 2 for each that is inside.
    gate: AtomicUsize,
    /// The loop; written only by the leader while the gate is 0, read only by who is inside.
    job: UnsafeCell<Option<Job>>,
    /// The next part that nobody has taken.
    next: AtomicUsize,
    /// What a member's panic said.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

struct Member {
    thread: Thread,
    asleep: Arc<AtomicBool>,
}

#[derive(Clone, Copy)]
struct Job {
    /// Borrowed while the gate is not 0.
    task: *const Task<'static>,
    n: usize,
}

// SAFETY: `job` is written and read as its comment says, and the task that it points to is `Sync`.
unsafe impl Sync for Team {}

static TEAM: Team = Team {
    leader: Mutex::new(None),
    loops: AtomicUsize::new(0),
    gate: AtomicUsize::new(0),
    job: UnsafeCell::new(None),
    next: AtomicUsize::new(0),
    panic: Mutex::new(None),
};

/// Calls `task` with each of `0..n`, on all threads of the team. While another loop runs, the caller works alone.
///
/// # Panics
/// When a task does.
pub fn for_each(n: usize, task: impl Fn(usize) + Sync) {
    if n <= 1 {
        return (0..n).for_each(task);
    }
    #[cfg(test)]
    if super::Isa::is_wanted() {
        return (0..n).for_each(task);
    }
    let mut leader = match TEAM.leader.try_lock() {
        Ok(leader) => leader,
        // A loop that panicked left nothing behind.
        Err(TryLockError::Poisoned(leader)) => leader.into_inner(),
        Err(TryLockError::WouldBlock) => return (0..n).for_each(task),
    };
    let members = leader.get_or_insert_with(muster);
    if members.is_empty() {
        return (0..n).for_each(task);
    }
    let task: &Task = &task;
    // SAFETY: only the lifetime changes; `Open` keeps this call from returning, or unwinding, before all
    // members have left.
    let task: *const Task<'static> = unsafe { std::mem::transmute(task) };
    // SAFETY: the leader's lock is held and the last loop closed the gate, so nobody reads the job.
    unsafe { *TEAM.job.get() = Some(Job { task, n }) };
    TEAM.next.store(0, Ordering::Relaxed);
    let open = Open;
    TEAM.gate.store(1, Ordering::Release);
    TEAM.loops.fetch_add(1, Ordering::SeqCst);
    for member in members.iter() {
        if member.asleep.load(Ordering::SeqCst) {
            member.thread.unpark();
        }
    }
    take_parts(Job { task, n });
    drop(open);
    let panic = TEAM.panic.lock().ok().and_then(|mut panic| panic.take());
    drop(leader);
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

/// Numbers of which each part of a loop writes others.
pub(super) struct Places<'a, T> {
    start: *mut T,
    len: usize,
    numbers: PhantomData<&'a mut [T]>,
}

// SAFETY: by the contract of `run` no two threads use the same number.
unsafe impl<T: Send> Sync for Places<'_, T> {}

impl<'a, T> Places<'a, T> {
    pub(super) fn of(numbers: &'a mut [T]) -> Self {
        Self { start: numbers.as_mut_ptr(), len: numbers.len(), numbers: PhantomData }
    }

    /// # Safety
    /// Nobody else uses these numbers while the part does.
    ///
    /// # Panics
    /// When there are not so many.
    pub(super) unsafe fn run(&self, range: Range<usize>) -> &'a mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: inside the numbers, and by contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// Where number `i` is.
    ///
    /// # Panics
    /// When there are not so many.
    pub(super) fn at(&self, i: usize) -> *mut T {
        assert!(i < self.len);
        // SAFETY: inside the numbers.
        unsafe { self.start.add(i) }
    }
}

/// Calls `task` with each run of `size` numbers and which it is; the last may be shorter.
///
/// # Panics
/// When `size` is 0, or a task panics.
pub fn for_each_chunk<T: Send>(numbers: &mut [T], size: usize, task: impl Fn(usize, &mut [T]) + Sync) {
    let places = Places::of(numbers);
    let n = places.len;
    for_each(n.div_ceil(size), |i| {
        // SAFETY: chunks do not overlap, and each is used once.
        let chunk = unsafe { places.run(i * size..(i * size + size).min(n)) };
        task(i, chunk);
    });
}

/// The results of `task` for each of `0..n`, in order.
///
/// # Panics
/// When a task does.
pub fn map<T: Send>(n: usize, task: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let mut results: Vec<Option<T>> = (0..n).map(|_| None).collect();
    for_each_chunk(&mut results, 1, |i, result| result[0] = Some(task(i)));
    results.into_iter().flatten().collect()
}

/// Closes the gate and waits until all members have left.
struct Open;

impl Drop for Open {
    fn drop(&mut self) {
        TEAM.gate.fetch_and(!1, Ordering::Relaxed);
        let mut looks = 0;
        while TEAM.gate.load(Ordering::Acquire) != 0 {
            looks += 1;
            // A member whose processor was taken away needs one.
            if looks < LOOKS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

fn take_parts(job: Job) {
    loop {
        let part = TEAM.next.fetch_add(1, Ordering::Relaxed);
        if part >= job.n {
            return;
        }
        // SAFETY: the task lives while the gate is not 0: the leader waits for that, and who calls this is
        // the leader or is inside.
        unsafe { (*job.task)(part) };
    }
}

/// Starts the threads; fewer where the system has no more.
fn muster() -> Vec<Member> {
    let start = |i: usize| {
        let asleep = Arc::new(AtomicBool::new(false));
        let flag = asleep.clone();
        let thread = std::thread::Builder::new().name(format!("team-{i}")).spawn(move || work(&flag)).ok()?;
        Some(Member { thread: thread.thread().clone(), asleep })
    };
    (1..rayon::current_num_threads()).map_while(start).collect()
}

/// What a member does all its life.
fn work(asleep: &AtomicBool) {
    let mut seen = 0;
    loop {
        seen = wait_for_loop(seen, asleep);
        // Enters while the gate is open.
        let enter = |gate: usize| (gate & 1 == 1).then_some(gate + 2);
        if TEAM.gate.fetch_update(Ordering::Acquire, Ordering::Relaxed, enter).is_err() {
            continue;
        }
        // SAFETY: this thread is inside, so the leader has written the job and does not change it.
        let job = unsafe { *TEAM.job.get() };
        if let Some(job) = job
            && let Err(panic) = catch_unwind(AssertUnwindSafe(|| take_parts(job)))
            && let Ok(mut first) = TEAM.panic.lock()
        {
            first.get_or_insert(panic);
        }
        TEAM.gate.fetch_sub(2, Ordering::Release);
    }
}

/// Returns when there is another loop than the one seen last, with its number.
fn wait_for_loop(seen: usize, asleep: &AtomicBool) -> usize {
    for _ in 0..LOOKS {
        let now = TEAM.loops.load(Ordering::Relaxed);
        if now != seen {
            return now;
        }
        std::hint::spin_loop();
    }
    // The leader counts first and then looks who sleeps; a member says so first and then looks at the count.
    asleep.store(true, Ordering::SeqCst);
    let mut now = TEAM.loops.load(Ordering::SeqCst);
    while now == seen {
        std::thread::park();
        now = TEAM.loops.load(Ordering::SeqCst);
    }
    asleep.store(false, Ordering::SeqCst);
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_runs_once_however_many_there_are() {
        for n in [0, 1, 2, 3, 7, 64, 1000] {
            for _ in 0..50 {
                let counts: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
                for_each(n, |i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn chunks_and_results_are_in_their_places() {
        let mut numbers = vec![0usize; 103];
        for_each_chunk(&mut numbers, 10, |i, chunk| chunk.fill(i));
        assert!(numbers.iter().enumerate().all(|(at, i)| *i == at / 10));
        assert_eq!(map(50, |i| i * i), (0..50).map(|i| i * i).collect::<Vec<_>>());
    }

    #[test]
    fn loops_of_several_threads_and_loops_in_loops_all_finish() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let sums = map(9, |i| map(5, |j| i * j).into_iter().sum::<usize>());
                        assert_eq!(sums.into_iter().sum::<usize>(), 360);
                    }
                });
            }
        });
    }

    #[test]
    fn members_that_fell_asleep_wake_up() {
        for _ in 0..3 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert_eq!(map(8, |i| i).len(), 8);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_goes_on() {
        let panics = catch_unwind(|| for_each(16, |i| assert!(i != 11, "as planned")));
        assert!(panics.is_err());
        assert_eq!(map(16, |i| i).len(), 16);
    }
}
