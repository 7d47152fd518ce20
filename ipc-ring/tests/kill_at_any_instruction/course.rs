//! The course of an operation: its instructions, and its *places*.
//!
//! A process that is killed leaves nothing but shared memory and what the kernel keeps for it. So all
//! instructions between two that change shared memory or enter the kernel are one place: killed at any of
//! them it leaves the same world. A run to the end, one instruction at a time, compares all of shared memory
//! at a fixed interval of instructions; a second run looks at each instruction where something had changed.

use std::collections::HashMap;
use std::fmt;

use crate::common::kernel_objects;
use crate::stepping::Step;
use crate::sweep::{Case, Killed, Point, Trial};
use crate::world::World;

/// The first run checks shared memory at this interval of instructions.
const STRIDE: usize = 64;

/// Instructions that leave the same world.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    pub first: Point,
    /// The steps of the first point after them.
    pub end: usize,
}

/// What two runs to the end have seen.
#[derive(Debug, Default)]
pub struct Course {
    /// The addresses of the instructions, from one system call to the next.
    between_calls: Vec<Vec<u64>>,
    pub places: Vec<Spot>,
}

impl Course {
    /// Finds the places of an operation.
    pub fn of(case: &Case) -> Self {
        let (mut course, dirty, asleep) = Self::first_run(case);
        course.second_run(case, &dirty);
        for calls in asleep {
            let first = Point { asleep: true, ..Point::new(calls, 0) };
            course.places.push(Spot { first, end: 1 });
        }
        course
    }

    pub fn instructions(&self) -> usize {
        self.between_calls.iter().map(Vec::len).sum()
    }

    /// How to get near a point without single steps: an instruction to run to, how often it is met, and the
    /// steps there.
    pub fn shortcut(&self, calls: usize, from: usize, to: usize) -> Option<(u64, usize, usize)> {
        let way = self.between_calls.get(calls)?;
        let to = to.min(way.len().checked_sub(1)?);
        if to < from + 2 * STRIDE {
            return None;
        }
        let met = |target: usize| way[from + 1..=target].iter().filter(|at| **at == way[target]).count();
        (to - STRIDE..=to)
            .step_by(STRIDE / 8)
            .map(|target| (way[target], met(target), target))
            .min_by_key(|(_, times, target)| times + (to - target))
    }

    /// Where instructions changed something, by system calls before and by stride; and in which system calls
    /// it slept.
    fn first_run(case: &Case) -> (Self, Vec<(usize, usize)>, Vec<usize>) {
        let before = kernel_objects();
        let mut trial = Trial::start(case);
        let mut world = World::default();
        world.look_around();
        let mut is_call = HashMap::new();
        let (mut dirty, mut asleep) = (Vec::new(), Vec::new());
        let mut between_calls = vec![Vec::new()];
        loop {
            let calls = between_calls.len() - 1;
            let way = &mut between_calls[calls];
            let address = trial.victim.address();
            let call = *is_call.entry(address).or_insert_with(|| trial.victim.is_call(address));
            if (call || way.len() % STRIDE == 0) && world.has_changed() && !way.is_empty() {
                dirty.push((calls, (way.len() - 1) / STRIDE));
            }
            way.push(address);
            let step = trial.victim.step(call && case.sleeps);
            if step == Step::Asleep {
                asleep.push(calls);
            }
            if (if call { trial.after_call(step) } else { step }) == Step::Over {
                break;
            }
            if call {
                between_calls.push(Vec::new());
                world.look_around();
                world.has_changed();
            }
        }
        drop(world);
        trial.victim.kill();
        trial.survivor.judge(Killed::Over);
        assert_eq!(kernel_objects(), before, "{}: nothing is left", case.name);
        (Self { between_calls, places: Vec::new() }, dirty, asleep)
    }

    /// Goes to each stride in which something changed, and looks at each instruction.
    fn second_run(&mut self, case: &Case, dirty: &[(usize, usize)]) {
        let mut trial = Trial::start(case);
        let mut world = World::default();
        let mut at = Point::new(0, 0);
        let mut over = false;
        for calls in 0..self.between_calls.len() {
            let length = self.between_calls[calls].len();
            let mut first = Point::new(calls, 0);
            for (_, stride) in dirty.iter().filter(|(dirty, _)| *dirty == calls) {
                let start = Point { steps: stride * STRIDE, ..first };
                over = over || trial.advance(self, at, start);
                at = start;
                world.look_around();
                world.has_changed();
                while !over && at.steps < (start.steps + STRIDE).min(length - 1) {
                    over = trial.step() == Step::Over;
                    at.steps += 1;
                    if world.has_changed() {
                        self.places.push(Spot { first, end: at.steps });
                        first = at;
                    }
                }
            }
            self.places.push(Spot { first, end: length });
        }
        drop(world);
        trial.victim.kill();
        trial.survivor.judge(if over { Killed::Over } else { Killed::Within });
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.between_calls.len().saturating_sub(1);
        write!(f, "{} instructions, {calls} system calls, {} places", self.instructions(), self.places.len())
    }
}
