//! A task that is polled by hand.
#![allow(dead_code, reason = "each test file uses a part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

/// Counts how often a task was woken.
#[derive(Default)]
pub struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task that is polled by hand.
pub struct Hand {
    pub woken: Arc<Woken>,
    pub waker: Waker,
}

impl Hand {
    pub fn new() -> Self {
        let woken = Arc::new(Woken::default());
        Self { waker: Waker::from(Arc::clone(&woken)), woken }
    }

    pub fn woken(&self) -> u64 {
        self.woken.0.load(Ordering::SeqCst)
    }

    /// Polls until the end is armed: a poll that is `Pending` and has not woken its own task. Returns how
    /// often the task had been woken then: the driver may ask it to look at any moment from then on.
    pub fn park<E: ipc_async::Source>(&self, end: &mut ipc_async::Async<E>) -> u64 {
        loop {
            let before = self.woken();
            assert!(end.poll_pop(&mut Context::from_waker(&self.waker)).is_pending(), "nothing was pushed");
            if self.woken() == before {
                return before;
            }
        }
    }

    pub fn wait_until_woken(&self, before: u64) {
        while self.woken() == before {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
