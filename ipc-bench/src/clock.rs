//! The clock of the hot loops: the processor's time stamp counter when it can be trusted, else
//! `CLOCK_MONOTONIC_RAW`.
//!
//! The counter is trusted when the processor declares it invariant (`constant_tsc`, `nonstop_tsc`) *and* the
//! kernel itself uses it as its clock source, which also means that the kernel found it synchronised across
//! all processors.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The source of the ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// The processor's time stamp counter.
    Tsc,
    /// `clock_gettime(CLOCK_MONOTONIC_RAW)`, in nanoseconds.
    MonotonicRaw,
}

/// A source of ticks and the length of a tick. Calibrated once, in the parent, and passed to the workers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Clock {
    pub(crate) source: Source,
    pub(crate) ns_per_tick: f64,
}

impl Clock {
    /// Picks the source and calibrates it: takes about 50 ms with the counter, no time without.
    pub(crate) fn detect() -> Clock {
        if tsc_is_trusted() {
            Clock { source: Source::Tsc, ns_per_tick: calibrate(Duration::from_millis(50)) }
        } else {
            Clock { source: Source::MonotonicRaw, ns_per_tick: 1.0 }
        }
    }

    /// The time now, in ticks. Earlier loads in program order complete before it is read.
    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        match self.source {
            Source::Tsc => counter(),
            Source::MonotonicRaw => monotonic_raw_ns(),
        }
    }

    /// Ticks to nanoseconds.
    pub(crate) fn to_ns(self, ticks: u64) -> f64 {
        ticks as f64 * self.ns_per_tick
    }

    /// Nanoseconds to ticks, rounded to the nearest.
    pub(crate) fn to_ticks(self, ns: u64) -> u64 {
        (ns as f64 / self.ns_per_tick).round() as u64
    }

    /// The step of the clock in nanoseconds: the greatest common divisor of many differences.
    pub(crate) fn step_ns(&self) -> f64 {
        let mut previous = self.now();
        let mut step = 0;
        for _ in 0..10_000 {
            let now = self.now();
            step = greatest_common_divisor(now - previous, step);
            previous = now;
        }
        self.to_ns(step)
    }

    /// What one reading of the clock costs, in nanoseconds: the smallest mean of several runs.
    pub(crate) fn own_cost_ns(&self) -> f64 {
        const READS: u32 = 1000;
        let mean = || {
            let start = self.now();
            for _ in 0..READS {
                std::hint::black_box(self.now());
            }
            self.to_ns(self.now() - start) / f64::from(READS + 1)
        };
        (0..20).map(|_| mean()).fold(f64::INFINITY, f64::min)
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

fn tsc_is_trusted() -> bool {
    if !cfg!(target_arch = "x86_64") {
        return false;
    }
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = flags.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let has = |name| flags.split_whitespace().any(|flag| flag == name);
    let kernel = std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    has("constant_tsc") && has("nonstop_tsc") && kernel.is_ok_and(|name| name.trim() == "tsc")
}

/// Nanoseconds per tick of the counter, measured against `CLOCK_MONOTONIC_RAW` over about `span`.
fn calibrate(span: Duration) -> f64 {
    let (ticks, ns) = simultaneous();
    let end = Instant::now() + span;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
    let (later_ticks, later_ns) = simultaneous();
    (later_ns - ns) as f64 / (later_ticks - ticks) as f64
}

/// Both clocks at nearly one moment: of several readings the one with the smallest gap around it.
fn simultaneous() -> (u64, u64) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..20 {
        let before = counter();
        let ns = monotonic_raw_ns();
        let after = counter();
        if after - before < best.0 {
            best = (after - before, before + (after - before) / 2, ns);
        }
    }
    (best.1, best.2)
}

/// `CLOCK_MONOTONIC_RAW` in nanoseconds.
pub(crate) fn monotonic_raw_ns() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC_RAW).expect("CLOCK_MONOTONIC_RAW exists on Linux");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn counter() -> u64 {
    use std::arch::x86_64::{_mm_lfence, _rdtsc};
    // SAFETY: SSE2, which has this instruction, is part of every x86_64 processor; it touches no memory.
    unsafe { _mm_lfence() };
    // SAFETY: reading the counter touches no memory; Linux leaves the instruction allowed in user space.
    unsafe { _rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    monotonic_raw_ns()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_measure_a_known_pause() {
        let clock = Clock::detect();
        let start = clock.now();
        std::thread::sleep(Duration::from_millis(20));
        let passed = clock.to_ns(clock.now() - start);
        assert!(passed >= 19.9e6, "20 ms measured as {passed} ns");
    }

    #[test]
    fn conversion_goes_both_ways() {
        let clock = Clock { source: Source::Tsc, ns_per_tick: 0.4 };
        assert_eq!(clock.to_ticks(400), 1000);
        assert!((clock.to_ns(1000) - 400.0).abs() < 1e-9);
    }
}
