//! A table of latest values that a hostile peer scribbles on: at attach, and between any two operations of
//! either end. Every result is acceptable except a panic, an endless loop, or an access to a byte outside the
//! table.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ipc_ring::ring::latest::{Mapped, Memory as _, Reader, Writer};
use ipc_ring::{Barrier, Region};

use super::input::Input;

/// Where the words that change begin.
const WORDS: usize = 0x100;
const JOURNAL: usize = 0x8500;
const CELLS: usize = 0xa500;
/// What lies past the table.
const CANARY: u64 = 0xc0de_cafe_f00d_d00d;
/// No input makes more operations than this.
const MOST_STEPS: usize = 300;

/// Runs one image with its operations. Returns the number of operations made on an attached table.
pub fn run(data: &[u8]) -> usize {
    let mut input = Input::new(data);
    match input.byte() % 4 {
        0 => with_values::<1>(input),
        1 => with_values::<16>(input),
        2 => with_values::<48>(input),
        _ => with_values::<600>(input),
    }
}

fn with_values<const N: usize>(mut input: Input<'_>) -> usize {
    let keys = [1, 2, 3, 70][usize::from(input.byte() % 4)];
    let total = Mapped::<[u8; N]>::geometry(keys).expect("a small table").total_size();
    let region = Region::heap(total + 256);
    let table = Mapped::<[u8; N]>::make(region.clone(), keys, Barrier::Fence).expect("it fits");
    for offset in (total..total + 256).step_by(8) {
        at(&region, offset).store(CANARY, Ordering::Relaxed);
    }
    for _ in 0..input.byte() % 6 {
        spoil::<N>(&mut input, &region, &table, true);
    }
    let steps = work::<N>(&mut input, &region);
    for offset in (total..total + 256).step_by(8) {
        assert_eq!(at(&region, offset).load(Ordering::Relaxed), CANARY, "behind the table");
    }
    steps
}

fn work<const N: usize>(input: &mut Input<'_>, region: &Region) -> usize {
    let Ok(table) = Mapped::<[u8; N]>::open(region.clone()) else { return 0 };
    let keys = table.keys();
    let (mut writer, mut reader) = (Writer::attach(table.clone()), Reader::attach(table.clone()));
    let mut steps = 0;
    while !input.is_used_up() && steps < MOST_STEPS {
        steps += 1;
        let step = input.byte();
        // Sometimes a key that does not exist.
        let key = u32::from(input.byte()) % (keys + 1);
        match step % 12 {
            0..3 => assert!(writer.publish(key, 5, &[step; N]).is_err() || key < keys),
            3 => drop(writer.sequence(key)),
            4 | 5 => assert!(reader.newest_value(key).is_err() || key < keys),
            6 => drop(reader.newer_value(key)),
            7 => {
                if let Ok(Some(key)) = reader.next_change() {
                    assert!(key < keys, "a key that is there");
                    let _ = reader.newer_value(key);
                }
                let _ = (reader.has_change(), reader.has_newer(key), reader.newest(key));
            }
            8 if step > 200 => writer = Writer::attach(table.clone()),
            8 if step > 150 => reader = Reader::attach(table.clone()),
            _ => spoil::<N>(input, region, &table, false),
        }
    }
    steps
}

/// Writes a word: of the first few entries of the journal, of a slot, or any.
fn spoil<const N: usize>(input: &mut Input<'_>, region: &Region, table: &Mapped<[u8; N]>, header: bool) {
    let choice = usize::from(input.byte());
    let offset = match choice % 4 {
        0 => JOURNAL + choice / 4 % 8 * 8,
        1 => 0x180,
        2 if header => choice / 4 * 8 % 0x100,
        _ => {
            // A slot's word, or its time, or a part of its value.
            let stride = (region.len() - 256 - CELLS) / table.keys() as usize / table.slots() as usize;
            let slot = usize::from(input.byte()) % (table.keys() as usize * table.slots() as usize);
            CELLS + slot * stride + [0, 0, 0, 8, 16][choice / 4 % 5]
        }
    };
    assert!(header || offset >= WORDS);
    let word = at(region, offset);
    let value = input.value(word.load(Ordering::Relaxed));
    word.store(value, Ordering::Relaxed);
}

/// A reader and a successor of the writer, next to a hostile peer that scribbles continuously.
pub fn run_with_scribbler(data: &[u8], rounds: usize) -> usize {
    let keys = 40;
    let region = Region::heap(Mapped::<[u8; 24]>::geometry(keys).expect("a small table").total_size() + 256);
    let table = Mapped::<[u8; 24]>::make(region.clone(), keys, Barrier::Fence).expect("it fits");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let mut input = Input::new(data);
                while !input.is_used_up() {
                    spoil::<24>(&mut input, &region, &table, false);
                }
            }
        });
        let mut reader = Reader::attach(table.clone());
        let mut answers = 0;
        for round in 0..rounds {
            let key = (round % keys as usize) as u32;
            let mut writer = Writer::attach(table.clone());
            answers += usize::from(writer.publish(key, 0, &[7; 24]).is_ok());
            answers += usize::from(reader.newest_value(key).is_ok());
            answers += usize::from(reader.next_change().is_ok());
        }
        stop.store(true, Ordering::Relaxed);
        answers
    })
}

fn at(region: &Region, offset: usize) -> &AtomicU64 {
    assert!(offset.is_multiple_of(8) && offset + 8 <= region.len());
    // SAFETY: inside the region, as asserted.
    let address = unsafe { region.base().add(offset) };
    // SAFETY: aligned to 8 and mapped as long as the region.
    unsafe { AtomicU64::from_ptr(address.as_ptr().cast()) }
}
