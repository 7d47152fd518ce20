//! A channel in the event loops of other languages: a small library with C's calling convention. The Python
//! programs next to this file load it with `ctypes` and give the descriptor of the [`PollSet`] to their event
//! loops: `asyncio_numbers.py` to asyncio's own or, with the argument `uvloop`, to libuv's, `glib_numbers.py`
//! to GLib's.
//!
//! ```text
//! cargo build -p ipc-async --example numbers_library
//! python3 ipc-async/examples/asyncio_numbers.py target/debug/examples/libnumbers_library.so DOMAIN CHANNEL
//! ```
#![allow(unsafe_code, reason = "what is called from Python takes pointers")]

use std::error::Error;
use std::ffi::{CStr, c_char, c_int};
use std::os::fd::AsRawFd as _;

use ipc_ring::readiness::{Armed, PollSet};
use ipc_ring::{Domain, Event, News, PopError, spsc};

/// The consuming end of a channel of numbers, and the set that makes its descriptor readable.
#[derive(Debug)]
pub struct Numbers {
    consumer: spsc::Consumer<u64>,
    set: PollSet,
    /// An event reported that the producer left without closing, or died.
    producer_gone: bool,
}

impl Numbers {
    fn note(&mut self, event: Option<Event>) {
        self.producer_gone |= event.is_some_and(|event| event.news == News::PeerGone);
    }
}

fn open(domain: &CStr, channel: &CStr) -> Result<Numbers, Box<dyn Error>> {
    let domain = Domain::open(domain.to_str()?)?;
    let consumer = spsc::Builder::new(channel.to_str()?).domain(&domain).create_receiver()?;
    Ok(Numbers { consumer, set: PollSet::new(&domain)?, producer_gone: false })
}

/// Takes the consuming end of a channel; null when that fails.
///
/// # Safety
/// Both names end with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numbers_open(domain: *const c_char, channel: *const c_char) -> *mut Numbers {
    // SAFETY: by the caller's promise.
    let domain = unsafe { CStr::from_ptr(domain) };
    // SAFETY: by the caller's promise.
    let channel = unsafe { CStr::from_ptr(channel) };
    match open(domain, channel) {
        Ok(numbers) => Box::into_raw(Box::new(numbers)),
        Err(error) => {
            eprintln!("{error}");
            std::ptr::null_mut()
        }
    }
}

/// The descriptor to wait for.
///
/// # Safety
/// `numbers` is of [`numbers_open`], and used by one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numbers_descriptor(numbers: *const Numbers) -> c_int {
    // SAFETY: by the caller's promise.
    unsafe { &*numbers }.set.as_raw_fd()
}

/// Pops a number. 1: there was one; 0: there is none now; -1: there is none, and the channel is closed; -2:
/// there is none, and the producer is gone without closing; -3: an error.
///
/// # Safety
/// As [`numbers_descriptor`]; `number` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numbers_pop(numbers: *mut Numbers, number: *mut u64) -> c_int {
    // SAFETY: by the caller's promise.
    let numbers = unsafe { &mut *numbers };
    match numbers.consumer.try_pop() {
        Ok(popped) => {
            // SAFETY: by the caller's promise.
            unsafe { number.write(popped) };
            1
        }
        Err(PopError::Empty) if !numbers.producer_gone => 0,
        Err(PopError::Closed) => -1,
        Err(PopError::Empty | PopError::PeerGone(_)) => -2,
        Err(_) => -3,
    }
}

/// Before a wait. 1: wait for the descriptor to be readable, then disarm; 0: try at once; -1: waiting failed.
///
/// # Safety
/// As [`numbers_descriptor`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numbers_arm(numbers: *mut Numbers) -> c_int {
    // SAFETY: by the caller's promise.
    let numbers = unsafe { &mut *numbers };
    match numbers.set.arm(&mut [&mut numbers.consumer]) {
        Ok(Armed::Waiting) => 1,
        Ok(Armed::Event(event)) => {
            numbers.note(Some(event));
            0
        }
        Err(_) => -1,
    }
}

/// After a wait, whatever ended it.
///
/// # Safety
/// As [`numbers_descriptor`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numbers_disarm(numbers: *mut Numbers) {
    // SAFETY: by the caller's promise.
    let numbers = unsafe { &mut *numbers };
    // An error is reported again by the next arming.
    if let Ok(event) = numbers.set.disarm(&mut [&mut numbers.consumer]) {
        numbers.note(event);
    }
}

/// Gives the end back.
///
/// # Safety
/// As [`numbers_descriptor`]; not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numbers_close(numbers: *mut Numbers) {
    // SAFETY: made by `numbers_open`, and given back once.
    drop(unsafe { Box::from_raw(numbers) });
}
