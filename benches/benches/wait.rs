//! What it costs a producer to check whether its consumer sleeps, when it does not: the price of allowing
//! sleep.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use ipc_ring::Barrier;
use ipc_ring::platform::Native;
use ipc_ring::wait::signal;

fn look(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish, then look for a sleeper");
    let published = AtomicU64::new(0);
    let word = AtomicU32::new(0);
    group.bench_function("publish only", |bencher| {
        let mut position = 0_u64;
        bencher.iter(|| {
            position = position.wrapping_add(1);
            black_box(&published).store(position, Ordering::Release);
        });
    });
    for (name, barrier) in
        [("look, asymmetric barrier", Barrier::Asymmetric), ("look, fence", Barrier::Fence)]
    {
        group.bench_function(name, |bencher| {
            let mut position = 0_u64;
            bencher.iter(|| {
                position = position.wrapping_add(1);
                black_box(&published).store(position, Ordering::Release);
                black_box(signal::peek::<Native>(black_box(&word), barrier))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, look);
criterion_main!(benches);
