//! A message in and out again, in one thread: every ring of this project next to the kernel's mechanisms and
//! to queues for threads of one process. One group for single messages, one for 64 at a time.

mod in_place;
mod kernel;
mod queues;
mod rings;
mod slices;

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Slots of every ring and queue: the kernel's defaults hold less, and are never full here either.
const SLOTS: u64 = 1024;
/// Messages of a slice.
const BATCH: usize = 64;

/// The group of everything that moves one message an iteration.
fn one_message(criterion: &mut Criterion) -> BenchmarkGroup<'_, WallTime> {
    let mut group = criterion.benchmark_group("one message in and out");
    group.throughput(Throughput::Elements(1));
    group
}

/// The group of everything that moves [`BATCH`] messages an iteration.
fn many_messages(criterion: &mut Criterion) -> BenchmarkGroup<'_, WallTime> {
    let mut group = criterion.benchmark_group(format!("{BATCH} messages in and out"));
    group.throughput(Throughput::Elements(BATCH as u64));
    group
}

/// A line of a group: the operation, and the size of its messages in bytes.
fn line(operation: &str, size: usize) -> BenchmarkId {
    BenchmarkId::new(operation, format!("{size} B"))
}

criterion_group! {
    name = in_and_out;
    // Many lines, each of a few nanoseconds: these times are enough for bounds of a few per cent.
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets =
        rings::all::<8>, in_place::all::<8>, queues::all::<8>, kernel::all::<8>,
        rings::all::<64>, in_place::all::<64>, queues::all::<64>, kernel::all::<64>,
        rings::all::<1024>, in_place::all::<1024>, queues::all::<1024>, kernel::all::<1024>,
        rings::call, kernel::semaphore,
        slices::all::<8>, slices::all::<64>
}
criterion_main!(in_and_out);
