//! A channel in Python's `asyncio`: a small library in C's calling convention, for `asyncio_numbers.py`
//! beside this file, which loads it with `ctypes` and gives the descriptor of the [`PollSet`] to its event
//! loop.
//!
//! ```text
//! cargo build -p ipc-async --example asyncio_numbers
//! python3 ipc-async/examples/asyncio_numbers.py target/debug/examples/libasyncio_numbers.so DOMAIN CHANNEL
//! ```
#![allow(unsafe_code, reason = "what is called from Python takes pointers")]

use std::error::Error;
use std::ffi::{CStr, c_char, c_int};
use std::os::fd::AsRawFd as _;

use ipc_ring::readiness::{Armed, PollSet};
use ipc_ring::{Domain, PopError, spsc};

/// The consuming end of a channel of numbers, and the set that makes its descriptor readable.
#[derive(Debug)]
pub struct Numbers {
    consumer: spsc::Consumer<u64>,
    set: PollSet,
}

fn open(domain: &CStr, channel: &CStr) -> Result<Numbers, Box<dyn Error>> {
    let domain = Domain::open(domain.to_str()?)?;
    let consumer = spsc::Builder::new(channel.to_str()?).domain(&domain).create_consumer()?;
    Ok(Numbers { consumer, set: PollSet::new(&domain)? })
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

/// Pops a number. 1: there was one; 0: there is none now; -1: there is none, and none will come.
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
        Err(PopError::Empty) => 0,
        Err(_) => -1,
    }
}

/// Before a wait. 1: wait for the descriptor to be readable, then disarm; 0: try at once; -1: waiting failed.
///
/// # Safety
/// As [`numbers_descriptor`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numbers_arm(numbers: *mut Numbers) -> c_int {
    // SAFETY: by the caller's promise.
    let Numbers { consumer, set } = unsafe { &mut *numbers };
    match set.arm(&mut [consumer]) {
        Ok(Armed::Waiting) => 1,
        Ok(Armed::Event(_)) => 0,
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
    let Numbers { consumer, set } = unsafe { &mut *numbers };
    let _ = set.disarm(&mut [consumer]); // What failed is told by the next arming.
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
