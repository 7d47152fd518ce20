//! A pool, in kernel objects, with a hostile peer that scribbles on its segment between any two calls and
//! passes forged handles. Every result is acceptable except a panic, a call that does not return, or an
//! access to a byte outside the pool.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ipc_core::shm::{Attachment, SharedMemory, ShmId};
use ipc_ring::pool::{Builder, Handle, Lender, Loan, Pool, Route, Stats, View};
use ipc_ring::{Domain, WaitStrategy};

use super::input::Input;

/// No input makes more calls than this.
const MOST_STEPS: usize = 120;

/// A domain that all runs of a process use, so that each is quick.
pub struct Bed {
    domain: Domain,
}

/// What this side holds.
#[derive(Default)]
struct Hands {
    loans: Vec<Loan>,
    views: Vec<View>,
    handles: Vec<Handle>,
}

impl Bed {
    pub fn new(name: &str) -> Self {
        Self { domain: Domain::open(name).expect("a fresh domain") }
    }

    /// Runs one sequence of calls and corrupted words. Gives the number of calls.
    pub fn run(&self, data: &[u8]) -> usize {
        let mut input = Input::new(data);
        let before = super::channel::segments(|key| key == 0);
        let mut builder = Builder::new("pool").domain(&self.domain);
        for (size, most) in [(64, 8), (4096, 4), (40_000, 2)] {
            builder = builder.class(size, 1 + u64::from(input.byte()) % most);
        }
        let first = builder.create_new().expect("a fresh pool");
        let made = super::channel::segments(|key| key == 0).into_iter().find(|id| !before.contains(id));
        let segment = SharedMemory::from_id(ShmId::from_raw(made.expect("its segment")));
        let memory = segment.attach().expect("our own segment");
        let mut pools = vec![first];
        let mut hands = Hands::default();
        let mut steps = 0;
        while !input.is_used_up() && steps < MOST_STEPS {
            steps += 1;
            self.step(&mut input, &memory, &builder, &mut pools, &mut hands);
        }
        drop((hands, pools, memory));
        // The directory's entry is as the last one to leave left it; the segment is the kernel's.
        assert_eq!(super::channel::segments(|key| key == 0), before, "the pool's segment stays behind");
        steps
    }

    fn step(
        &self,
        input: &mut Input<'_>,
        memory: &Attachment,
        builder: &Builder,
        pools: &mut Vec<Pool>,
        hands: &mut Hands,
    ) {
        let step = input.byte();
        let pool = &pools[usize::from(input.byte()) % pools.len()];
        let choice = usize::from(input.byte());
        match step % 16 {
            0..3 => {
                if let Ok(mut loan) = pool.try_loan([1, 64, 65, 4096, 40_000, 50_000][choice % 6]) {
                    loan.fill(step).unwrap();
                    let last = loan.len() - 1;
                    loan.write(last, &step).unwrap();
                    hands.loans.push(loan);
                }
            }
            3 | 4 => {
                if let Some(loan) = take(&mut hands.loans, choice) {
                    let route = Route::from_words(input.word(), u64::from(input.byte()));
                    let handles = &mut hands.handles;
                    let sent = loan.send_with(route, |handle| {
                        handles.push(handle);
                        if choice < 200 { Ok(()) } else { Err(ipc_ring::PushError::Full(())) }
                    });
                    hands.loans.extend(sent.err().map(|error| error.loan));
                }
            }
            5 => {
                if let Some(loan) = take(&mut hands.loans, choice) {
                    let (view, handle) = loan.share();
                    hands.views.push(view);
                    hands.handles.push(handle);
                }
            }
            6..9 => {
                let Some(handle) = hands.handles.get(choice % hands.handles.len().max(1)) else { return };
                let mut words: [u32; 6] = zerocopy::transmute!(*handle);
                if step >= 128 {
                    words[usize::from(step) % 6] =
                        input.value(u64::from(words[usize::from(step) % 6])) as u32;
                }
                if let Ok(view) = pool.accept(&zerocopy::transmute!(words)) {
                    // The first and the last byte: those that a wrong length would miss.
                    if !view.is_empty() {
                        let last = view.read::<u8>(view.len() - 1).unwrap();
                        std::hint::black_box((view.read::<u8>(0).unwrap(), last));
                    }
                    hands.views.push(view);
                }
            }
            9 => drop(take(&mut hands.views, choice)),
            10 => {
                if let Some(view) = take(&mut hands.views, choice) {
                    match view.into_loan() {
                        Ok(loan) => hands.loans.push(loan),
                        Err(view) => hands.views.push(view),
                    }
                }
            }
            11 => {
                std::hint::black_box((pool.stats(), Stats::read_in(&self.domain, "pool").is_ok()));
            }
            12 => {
                if choice < 16 {
                    pool.recover().unwrap();
                } else if pools.len() < 4
                    && let Ok(another) = builder.open()
                {
                    pools.push(another);
                }
            }
            13 => drop(take(&mut hands.loans, choice)),
            14 => wait(pool, choice),
            _ => spoil(input, memory, choice),
        }
    }
}

/// A lender waits for a moment.
fn wait(pool: &Pool, choice: usize) {
    let Ok(mut lender) = Lender::with_strategy(pool, WaitStrategy::Sleep) else { return };
    let len = [1, 65, 40_000][choice % 3];
    std::hint::black_box(lender.loan_timeout(len, Duration::from_micros(choice as u64)).is_ok());
}

fn take<T>(all: &mut Vec<T>, choice: usize) -> Option<T> {
    if all.is_empty() { None } else { Some(all.swap_remove(choice % all.len())) }
}

/// Writes a word of the header, of the tables of classes, members, lenders and blocks, or of the blocks
/// themselves.
fn spoil(input: &mut Input<'_>, memory: &Attachment, choice: usize) {
    let number = usize::from(input.byte());
    let offset = match choice % 16 {
        0 => number % 32 * 8,
        1 | 2 => 0x100 + number % 4 * 128 + number / 4 % 10 * 8,
        5 => 0x1900 + number % 4 * 128 + number / 4 % 6 * 8,
        3 | 4 => 0x900 + number % 4 * 128 + number / 4 % 2 * 8,
        15 => (number * 1024 + choice) / 8 * 8 % (memory.len() - 8),
        _ => 0x9900 + number % 14 * 128 + number / 14 % 4 * 8,
    };
    let word = memory.atomic_u64(offset).expect("inside");
    let value = input.value(word.load(Ordering::Relaxed));
    // A tag is three numbers; any of them may be the corrupted one.
    let shift = [0, 0, 32, 40][number / 64 % 4];
    let value = if choice.is_multiple_of(2) { value } else { word.load(Ordering::Relaxed) ^ value << shift };
    word.store(value, Ordering::Relaxed);
}
