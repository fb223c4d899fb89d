//! What writing a token allocates, counted by an allocator that only this program has.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use engine::decoder::{CacheFormat, Input};
use engine::models::Store;
use engine::{Cancel, LanguageModel};

struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static LARGE: AtomicUsize = AtomicUsize::new(0);

/// More bytes than a short list has.
const SHORT: usize = 2048;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            LARGE.fetch_add(usize::from(layout.size() > SHORT), Ordering::Relaxed);
        }
        // SAFETY: the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn writing_a_token_allocates_no_buffers() {
    const TOKENS: u32 = 32;
    /// Short lists of what is in the step; layers, of which there are 30 and 18, allocate nothing.
    const LISTS: usize = 16;
    for id in ["smollm2-135m", "gemma-3-270m"] {
        let file =
            Store::open_default().and_then(|store| store.file(id, "model")).expect("run `make test` once");
        let model = LanguageModel::load(&file).unwrap();
        let decoder = model.decoder();
        let mut state = decoder.new_state(CacheFormat::F16).unwrap();
        state.reserve(256);
        let mut write = |token: u32| {
            let input = Input::from([token].as_slice());
            decoder.forward(&input, &mut state, &Cancel::new()).unwrap().expect("nobody cancels");
        };
        // The first steps make the buffers.
        (0..8).for_each(|i| write(100 + i));
        COUNTS.store(true, Ordering::SeqCst);
        (0..TOKENS).for_each(|i| write(200 + i));
        COUNTS.store(false, Ordering::SeqCst);
        let (n, large) = (ALLOCATIONS.swap(0, Ordering::SeqCst), LARGE.swap(0, Ordering::SeqCst));
        let per_token = n / TOKENS as usize;
        assert!(n > 0, "nothing was counted");
        assert!(per_token <= LISTS, "{id}: {per_token} a token");
        // A thread that had no part in the first steps makes its scratch when it has one.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        assert!(large <= threads, "{id}: {large} of more than {SHORT} bytes in {TOKENS} tokens");
    }
}
