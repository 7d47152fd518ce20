//! The pool's algorithm by itself, over heap memory and over a System V segment with the same bodies: the
//! results that its members get, compared step by step with a plain model: several members, some of which
//! die, handles that are used late, twice, or after their channel is gone.

mod common;

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use common::private_namespace;
use ipc_core::Key;
use ipc_core::shm::{Options, SharedMemory};
use ipc_ring::Region;
use ipc_ring::pool::{Handle, Refused, Route};
use ipc_ring::ring::pool::recovery::{reclaim, recover};
use ipc_ring::ring::pool::{Blocks as _, Loaned, Mapped, Member, Reading, Seat, Shape, class_stats};
use proptest::prelude::*;

/// The memory of the pool.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Heap,
    Segment,
}

impl Kind {
    const BOTH: [Kind; 2] = [Kind::Heap, Kind::Segment];

    fn region(self, len: usize) -> Region {
        match self {
            Kind::Heap => Region::heap(len),
            Kind::Segment => {
                let memory = SharedMemory::create_new(Key::PRIVATE, len, &Options::default()).unwrap();
                let attached = memory.attach();
                memory.remove().unwrap();
                Region::segment(attached.unwrap())
            }
        }
    }
}

const MEMBERS: usize = 3;
const BLOCKS: u64 = 3;
/// The channel that exists, unless a step says otherwise.
const CHANNEL: Route = Route::from_words(5, 6);

#[derive(Clone, Debug)]
enum Act {
    Loan(usize),
    Abandon(usize, usize),
    Send(usize, usize),
    /// The push fails; before it is taken back, the other member presents the handle, or none does.
    FailToSend(usize, usize, Option<usize>),
    Share(usize, usize),
    /// To a channel that has the block from then on.
    Publish(usize, usize),
    /// The publisher takes a block out of its channel; or a late one with an old handle does.
    Withdraw(usize, usize),
    Accept(usize, usize),
    Release(usize, usize),
    TakeOver(usize, usize),
    Die(usize),
    Recover,
    /// The channel is removed, with its contents.
    ChannelGoes,
}

fn act() -> impl Strategy<Value = Act> {
    let (member, which) = (0..MEMBERS, 0..8usize);
    prop_oneof![
        4 => member.clone().prop_map(Act::Loan),
        1 => (member.clone(), which.clone()).prop_map(|(m, i)| Act::Abandon(m, i)),
        4 => (member.clone(), which.clone()).prop_map(|(m, i)| Act::Send(m, i)),
        1 => (member.clone(), which.clone(), prop::option::of(0..MEMBERS))
            .prop_map(|(m, i, other)| Act::FailToSend(m, i, other)),
        2 => (member.clone(), which.clone()).prop_map(|(m, i)| Act::Share(m, i)),
        2 => (member.clone(), which.clone()).prop_map(|(m, i)| Act::Publish(m, i)),
        2 => (member.clone(), 0..12usize).prop_map(|(m, i)| Act::Withdraw(m, i)),
        6 => (member.clone(), 0..12usize).prop_map(|(m, i)| Act::Accept(m, i)),
        4 => (member.clone(), which.clone()).prop_map(|(m, i)| Act::Release(m, i)),
        1 => (member.clone(), which.clone()).prop_map(|(m, i)| Act::TakeOver(m, i)),
        1 => member.prop_map(Act::Die),
        1 => Just(Act::Recover),
        1 => Just(Act::ChannelGoes),
    ]
}

/// What a block is, in the model.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Free,
    Loaned(u64),
    Sent,
    Taken(u64),
    /// The members that have it, one entry for each reader.
    Shared(Vec<u64>),
    /// As before, and a channel has it.
    Published(Vec<u64>),
}

/// A process in the model and in the memory.
struct Process {
    identity: u64,
    member: Member<Mapped>,
    loans: Vec<Loaned>,
    views: Vec<Reading>,
}

struct World {
    region: Region,
    shape: Shape,
    processes: Vec<Process>,
    dead: BTreeSet<u64>,
    next: u64,
    blocks: Vec<(Block, u32)>,
    /// Handles with the block and its generation that they are for.
    handles: Vec<(Handle, u32, u32)>,
}

impl World {
    fn new(kind: Kind) -> Self {
        let shape = Shape::new(&[(64, BLOCKS)]).unwrap();
        let region = kind.region(shape.total_size);
        let blocks = vec![(Block::Free, 0); BLOCKS as usize];
        let mut world = Self {
            region,
            shape,
            processes: Vec::new(),
            dead: BTreeSet::new(),
            next: 1,
            blocks,
            handles: Vec::new(),
        };
        for _ in 0..MEMBERS {
            let process = world.process();
            world.processes.push(process);
        }
        world
    }

    fn memory(&self) -> Mapped {
        Mapped::new(self.region.clone(), self.shape.clone(), 77).unwrap()
    }

    fn process(&mut self) -> Process {
        let identity = self.next;
        self.next += 1;
        let memory = self.memory();
        let seat = Seat::take(&memory, NonZeroU64::new(identity).unwrap()).unwrap();
        Process { identity, member: Member::new(memory, seat), loans: Vec::new(), views: Vec::new() }
    }

    fn free(&mut self, block: u32) {
        let (state, generation) = &mut self.blocks[block as usize];
        *state = Block::Free;
        *generation += 1;
    }

    /// Takes one reader, or all of a dead process, out of a block.
    fn let_go(&mut self, block: u32, identity: u64, all: bool) {
        let state = &mut self.blocks[block as usize].0;
        let published = matches!(state, Block::Published(_));
        if let Block::Shared(readers) | Block::Published(readers) = state {
            if all {
                readers.retain(|reader| *reader != identity);
            } else {
                let at = readers.iter().position(|reader| *reader == identity).unwrap();
                readers.swap_remove(at);
            }
            if published || !readers.is_empty() {
                return;
            }
        }
        self.free(block);
    }

    /// Takes a block out of its channel.
    fn withdraw(&mut self, block: u32) {
        let state = &mut self.blocks[block as usize].0;
        let Block::Published(readers) = state else { panic!("no channel has it: {state:?}") };
        match std::mem::take(readers) {
            readers if readers.is_empty() => self.free(block),
            readers => *state = Block::Shared(readers),
        }
    }

    /// The model's result of an attempt to accept, and its change of state on success.
    fn accept(&mut self, identity: u64, block: u32, generation: u32) -> Result<(), &'static str> {
        let (state, now) = &mut self.blocks[block as usize];
        if *now != generation {
            return Err("Stale");
        }
        match state {
            Block::Sent => *state = Block::Taken(identity),
            Block::Shared(readers) | Block::Published(readers) => readers.push(identity),
            Block::Taken(_) => return Err("Doubled"),
            Block::Free | Block::Loaned(_) => return Err("NotSent"),
        }
        Ok(())
    }

    fn try_accept(&mut self, who: usize, which: usize) -> Result<(), TestCaseError> {
        let Some(&(handle, block, generation)) = self.handles.get(which) else { return Ok(()) };
        let identity = self.processes[who].identity;
        let expected = self.accept(identity, block, generation);
        let answer = self.processes[who].member.accept(&handle);
        match (expected, answer) {
            (Ok(()), Ok(view)) => {
                prop_assert_eq!(view.block(), block);
                self.processes[who].views.push(view);
            }
            (Err(name), Err(refused)) => {
                prop_assert_eq!(reason(refused), name, "{}", refused);
            }
            (expected, answer) => prop_assert!(false, "{:?} instead of {:?}", answer, expected),
        }
        Ok(())
    }

    fn step(&mut self, act: Act) -> Result<(), TestCaseError> {
        match act {
            Act::Loan(who) => {
                let loan = self.processes[who].member.try_loan(0);
                let is_free = self.blocks.iter().any(|(state, _)| *state == Block::Free);
                prop_assert_eq!(loan.is_some(), is_free);
                if let Some(loan) = loan {
                    let state = &mut self.blocks[loan.block() as usize].0;
                    prop_assert_eq!(&*state, &Block::Free, "lent though it is in use");
                    *state = Block::Loaned(self.processes[who].identity);
                    self.processes[who].loans.push(loan);
                }
            }
            Act::Abandon(who, which) => {
                let Some(loan) = take(&mut self.processes[who].loans, which) else { return Ok(()) };
                self.free(loan.block());
                self.processes[who].member.abandon(loan);
            }
            Act::Send(who, which) => {
                let Some(loan) = take(&mut self.processes[who].loans, which) else { return Ok(()) };
                let block = loan.block();
                let (offered, handle) = self.processes[who].member.offer(loan, 8, CHANNEL);
                self.processes[who].member.sent(&offered);
                self.blocks[block as usize].0 = Block::Sent;
                self.handles.insert(0, (handle, block, self.blocks[block as usize].1));
            }
            Act::FailToSend(who, which, other) => {
                let Some(loan) = take(&mut self.processes[who].loans, which) else { return Ok(()) };
                let block = loan.block();
                let (offered, handle) = self.processes[who].member.offer(loan, 8, CHANNEL);
                self.blocks[block as usize].0 = Block::Sent;
                self.handles.insert(0, (handle, block, self.blocks[block as usize].1));
                if let Some(other) = other {
                    self.try_accept(other, 0)?;
                }
                let back = self.processes[who].member.take_back(offered);
                prop_assert_eq!(back.is_some(), other.is_none());
                if let Some(loan) = back {
                    let identity = self.processes[who].identity;
                    self.blocks[block as usize] =
                        (Block::Loaned(identity), self.blocks[block as usize].1 + 1);
                    self.processes[who].loans.push(loan);
                }
            }
            Act::Share(who, which) => {
                let Some(loan) = take(&mut self.processes[who].loans, which) else { return Ok(()) };
                let block = loan.block();
                let (view, handle) = self.processes[who].member.share(loan, 8);
                self.blocks[block as usize].0 = Block::Shared(vec![self.processes[who].identity]);
                self.handles.insert(0, (handle, block, self.blocks[block as usize].1));
                self.processes[who].views.push(view);
            }
            Act::Publish(who, which) => {
                let Some(loan) = take(&mut self.processes[who].loans, which) else { return Ok(()) };
                let block = loan.block();
                let (reading, handle) = self.processes[who].member.publish(loan, 8, CHANNEL);
                self.processes[who].member.published(reading);
                self.blocks[block as usize].0 = Block::Published(Vec::new());
                self.handles.insert(0, (handle, block, self.blocks[block as usize].1));
            }
            Act::Withdraw(who, which) => {
                let Some(&(handle, block, generation)) = self.handles.get(which) else { return Ok(()) };
                let (state, now) = &self.blocks[block as usize];
                let is_there = *now == generation && matches!(state, Block::Published(_));
                let is_unread = is_there && *state == Block::Published(Vec::new());
                let member = &self.processes[who].member;
                prop_assert_eq!(member.is_published(&handle, CHANNEL), is_there);
                prop_assert!(!member.is_published(&handle, Route::from_words(5, 7)));
                prop_assert_eq!(member.is_unread(&handle), is_unread);
                prop_assert_eq!(member.withdraw(&handle), is_there);
                if is_there {
                    self.withdraw(block);
                }
            }
            Act::Accept(who, which) => self.try_accept(who, which)?,
            Act::Release(who, which) => {
                let Some(view) = take(&mut self.processes[who].views, which) else { return Ok(()) };
                self.let_go(view.block(), self.processes[who].identity, false);
                self.processes[who].member.release(view);
            }
            Act::TakeOver(who, which) => {
                let Some(view) = take(&mut self.processes[who].views, which) else { return Ok(()) };
                let block = view.block();
                match self.processes[who].member.take_over(view) {
                    Ok(loan) => {
                        let identity = self.processes[who].identity;
                        let (state, generation) = &mut self.blocks[block as usize];
                        prop_assert_eq!(&*state, &Block::Taken(identity));
                        (*state, *generation) = (Block::Loaned(identity), *generation + 1);
                        self.processes[who].loans.push(loan);
                    }
                    Err(view) => {
                        let state = &self.blocks[block as usize].0;
                        prop_assert!(matches!(state, Block::Shared(_) | Block::Published(_)));
                        self.processes[who].views.push(view);
                    }
                }
            }
            Act::Die(who) => {
                // A successor joins only after the recovery: there are as many seats as there can be.
                self.dead.insert(self.processes[who].identity);
                self.recover()?;
                let successor = self.process();
                self.processes[who] = successor;
            }
            Act::Recover => self.recover()?,
            Act::ChannelGoes => {
                let in_it = |state: &Block| matches!(state, Block::Sent | Block::Published(_));
                let lost = self.blocks.iter().filter(|(state, _)| in_it(state)).count() as u64;
                let memory = self.memory();
                prop_assert_eq!(reclaim(&memory, |route| route == CHANNEL), 0);
                prop_assert_eq!(reclaim(&memory, |route| route != CHANNEL), lost);
                for block in 0..BLOCKS as u32 {
                    match &self.blocks[block as usize].0 {
                        Block::Sent => self.free(block),
                        Block::Published(_) => self.withdraw(block),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn recover(&mut self) -> Result<(), TestCaseError> {
        let mut held = 0;
        let dead: Vec<u64> = self.dead.iter().copied().collect();
        for identity in &dead {
            for block in 0..BLOCKS as u32 {
                let holds = match &self.blocks[block as usize].0 {
                    Block::Loaned(holder) | Block::Taken(holder) => holder == identity,
                    Block::Shared(readers) | Block::Published(readers) => readers.contains(identity),
                    Block::Free | Block::Sent => false,
                };
                if holds {
                    held += 1;
                    self.let_go(block, *identity, true);
                }
            }
        }
        let report = recover(&self.memory(), |identity| !self.dead.contains(&identity));
        prop_assert_eq!((report.seats, report.blocks), (dead.len() as u32, held));
        self.dead.clear();
        Ok(())
    }
}

/// The kinds of refusal that the model knows.
fn reason(refused: Refused) -> &'static str {
    match refused {
        Refused::Stale { .. } => "Stale",
        Refused::NotSent => "NotSent",
        Refused::Doubled { .. } => "Doubled",
        _ => "another one",
    }
}

fn take<T>(all: &mut Vec<T>, which: usize) -> Option<T> {
    if which < all.len() { Some(all.swap_remove(which)) } else { None }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_step_does_what_the_model_says(
        acts in prop::collection::vec(act(), 1..120),
        kind in prop::sample::select(&Kind::BOTH[..]),
    ) {
        private_namespace();
        let mut world = World::new(kind);
        for act in acts {
            world.step(act)?;
            let stats = class_stats(&world.memory(), 0);
            let used = |wanted: fn(&Block) -> bool| {
                world.blocks.iter().filter(|(state, _)| wanted(state)).count() as u64
            };
            prop_assert_eq!(stats.loaned, used(|state| matches!(state, Block::Loaned(_))));
            let unread = |state: &Block| *state == Block::Sent || *state == Block::Published(Vec::new());
            prop_assert_eq!(stats.sent, used(unread));
            prop_assert_eq!(stats.read, BLOCKS - stats.loaned - stats.sent - used(|state| *state == Block::Free));
        }
    }
}

/// Runs a body with three members of a fresh pool of these classes, in either memory.
fn in_both(classes: &[(usize, u64)], body: impl Fn(&Mapped, [Member<Mapped>; 3])) {
    private_namespace();
    for kind in Kind::BOTH {
        let shape = Shape::new(classes).unwrap();
        let region = kind.region(shape.total_size);
        // Each as another process would have it.
        let open = || Mapped::new(region.clone(), shape.clone(), 77).unwrap();
        let members = [1, 2, 3].map(|identity| {
            let memory = open();
            let seat = Seat::take(&memory, NonZeroU64::new(identity).unwrap()).unwrap();
            Member::new(memory, seat)
        });
        let memory = open();
        body(&memory, members);
        for identity in 1..4 {
            recover(&memory, |other| other != identity);
        }
        reclaim(&memory, |_| false);
        for class in 0..classes.len() {
            assert_eq!(class_stats(&memory, class).in_use, 0, "{kind:?}");
        }
    }
}

fn send(member: &Member<Mapped>, loan: Loaned, len: u32) -> Handle {
    let (offered, handle) = member.offer(loan, len, CHANNEL);
    member.sent(&offered);
    handle
}

#[test]
fn a_payload_is_written_sent_read_changed_and_sent_on() {
    in_both(&[(100, 2), (1 << 20, 1)], |memory, [one, two, three]| {
        for (class, size) in [(0, 128), (1, 1 << 20)] {
            for round in 0..10_u8 {
                let loan = one.try_loan(class).unwrap();
                let bytes = memory.bytes(loan.class(), loan.block());
                assert!(bytes.addr().get().is_multiple_of(64));
                let handle = send(&one, loan, size);
                assert_eq!(class_stats(memory, class).sent, 1);
                let view = two.accept(&handle).unwrap();
                assert!(!view.is_shared());
                assert_eq!(memory.bytes(view.class(), view.block()), bytes);
                assert!(matches!(three.accept(&handle), Err(Refused::Doubled { holders: 2 })));
                let loan = two.take_over(view).unwrap();
                assert!(matches!(three.accept(&handle), Err(Refused::Stale { .. })), "round {round}");
                let handle = send(&two, loan, 1);
                three.release(three.accept(&handle).unwrap());
                assert!(matches!(three.accept(&handle), Err(Refused::Stale { .. })));
            }
        }
    });
}

#[test]
fn exhaustion_is_an_answer_and_no_more_blocks_are_used_than_needed() {
    in_both(&[(64, 1000), (128, 2)], |memory, [one, two, _]| {
        for _ in 0..10 {
            let held: Vec<_> = (0..7).map(|_| one.try_loan(0).unwrap()).collect();
            held.into_iter().for_each(|loan| one.abandon(loan));
        }
        let stats = class_stats(memory, 0);
        assert_eq!((stats.high_water, stats.loans, stats.in_use), (7, 70, 0));
        let held = [one.try_loan(1).unwrap(), two.try_loan(1).unwrap()];
        assert!(one.try_loan(1).is_none() && two.try_loan(1).is_none());
        two.count_exhausted(1);
        assert_eq!((class_stats(memory, 1).exhausted, class_stats(memory, 1).loaned), (1, 2));
        let [first, second] = held;
        one.abandon(first);
        two.abandon(second);
        assert!(two.try_loan(1).is_some());
    });
}

#[test]
fn what_many_read_lives_until_the_last_has_done() {
    in_both(&[(64, 1)], |memory, [one, two, three]| {
        let (kept, handle) = one.share(one.try_loan(0).unwrap(), 6);
        let views = [two.accept(&handle).unwrap(), two.accept(&handle).unwrap()];
        let last = three.accept(&handle).unwrap();
        assert!(kept.is_shared() && last.is_shared());
        one.release(kept);
        let last = three.take_over(last).unwrap_err();
        views.into_iter().for_each(|view| assert!(!two.release(view), "the first one holds it too"));
        assert_eq!(class_stats(memory, 0).read, 1);
        assert!(one.try_loan(0).is_none());
        three.release(last);
        assert!(matches!(two.accept(&handle), Err(Refused::Stale { .. })));
        assert!(one.try_loan(0).is_some());
    });
}

#[test]
fn what_a_channel_has_lives_without_readers_until_it_is_withdrawn() {
    in_both(&[(64, 1)], |memory, [one, two, three]| {
        for withdrawn_first in [true, false] {
            let (reading, handle) = one.publish(one.try_loan(0).unwrap(), 6, CHANNEL);
            // A thread of the publisher's own process reads it before the channel has it.
            let own = one.accept(&handle).unwrap();
            one.published(reading);
            one.release(own);
            assert_eq!(class_stats(memory, 0).sent, 1);
            two.release(two.accept(&handle).unwrap());
            let view = two.accept(&handle).unwrap();
            assert!(view.is_shared() && !one.is_unread(&handle));
            assert!(three.is_published(&handle, CHANNEL), "a successor may be another process");
            if withdrawn_first {
                assert!(three.withdraw(&handle) && !one.withdraw(&handle));
                two.release(view);
            } else {
                two.release(view);
                assert!(one.is_unread(&handle) && one.try_loan(0).is_none());
                assert!(one.withdraw(&handle) && !one.withdraw(&handle));
            }
            assert!(matches!(two.accept(&handle), Err(Refused::Stale { .. })));
            one.abandon(one.try_loan(0).expect("it is free"));
        }
        // Forged or foreign handles withdraw nothing.
        let (reading, handle) = one.publish(one.try_loan(0).unwrap(), 6, CHANNEL);
        let [pool, block, place] = handle.words();
        for wrong in [[pool ^ 1, block, place], [pool, block ^ 1, place], [pool, block | 1 << 40, place]] {
            assert!(!one.withdraw(&Handle::from_words(wrong)));
        }
        assert!(!one.withdraw(&Handle::from_words([pool, block, place ^ 1])));
        assert!(!one.withdraw(&handle), "it is shared, no channel has it yet");
        one.published(reading);
        assert!(one.withdraw(&handle));
    });
}

/// A handle is invalid in a pool of another generation, even if everything else fits.
#[test]
fn handles_of_another_pool_are_refused() {
    let mut world = World::new(Kind::Heap);
    let loan = world.processes[0].member.try_loan(0).unwrap();
    let (offered, handle) = world.processes[0].member.offer(loan, 8, CHANNEL);
    world.processes[0].member.sent(&offered);
    let other = Mapped::new(world.region.clone(), world.shape.clone(), 78).unwrap();
    let seat = Seat::take(&other, NonZeroU64::new(9).unwrap()).unwrap();
    let refused = Member::new(other, seat).accept(&handle).unwrap_err();
    assert_eq!(refused, Refused::OtherPool { found: 77, expected: 78 });
    world.next = 10;
    assert!(world.processes[1].member.accept(&handle).is_ok());
}

/// A pool of one block, and a member.
fn one_block() -> (Member<Mapped>, Member<Mapped>) {
    let shape = Shape::new(&[(64, 1)]).unwrap();
    let region = Region::heap(shape.total_size);
    let member = |identity| {
        let memory = Mapped::new(region.clone(), shape.clone(), 77).unwrap();
        let seat = Seat::take(&memory, NonZeroU64::new(identity).unwrap()).unwrap();
        Member::new(memory, seat)
    };
    (member(1), member(2))
}

/// As if the free block had been used this number of times more; the tag has room for 24 bits of the number.
fn use_it(member: &Member<Mapped>, times: u64) {
    let before = member.try_loan(0).unwrap();
    member.abandon(before);
    let tag = member.memory().tag(0);
    let generation = tag.load(Ordering::Relaxed) >> 40;
    tag.store((generation + times - 2) << 40, Ordering::Relaxed);
    let after = member.try_loan(0).unwrap();
    member.abandon(after);
}

#[test]
fn a_handle_is_refused_when_its_block_was_used_as_often_as_the_tag_can_count() {
    let (sender, receiver) = one_block();
    let mut old: Vec<Handle> = Vec::new();
    for round in 0..600 {
        let (offered, handle) = sender.offer(sender.try_loan(0).unwrap(), 8, CHANNEL);
        sender.sent(&offered);
        // Would be mistaken for this one if the two were not distinguished; then this one were refused.
        for stale in old.iter().rev().take(3).chain(old.first()) {
            match receiver.accept(stale) {
                Err(Refused::Stale { found, expected }) => {
                    assert!(found != expected && found % (1 << 24) == expected % (1 << 24), "{round}");
                }
                other => panic!("round {round}: {other:?}"),
            }
        }
        let reading = receiver.accept(&handle).unwrap();
        receiver.release(reading);
        old.push(handle);
        if round % 255 == 254 {
            // What wraps in a handle wraps after 2^32 uses: it would be this one.
            old.clear();
        }
        // One use was that above.
        use_it(&sender, 1 << 23);
        use_it(&sender, (1 << 23) - 1);
    }
}

#[test]
fn nor_can_readers_join_or_channels_withdraw_with_such_a_handle() {
    let (sender, receiver) = one_block();
    let (reading, old) = sender.publish(sender.try_loan(0).unwrap(), 8, CHANNEL);
    sender.published(reading);
    assert!(sender.withdraw(&old));
    use_it(&sender, 1 << 23);
    use_it(&sender, (1 << 23) - 1);
    let (reading, handle) = sender.publish(sender.try_loan(0).unwrap(), 8, CHANNEL);
    assert!(matches!(receiver.accept(&old), Err(Refused::Stale { .. })));
    sender.published(reading);
    assert!(matches!(receiver.accept(&old), Err(Refused::Stale { .. })));
    assert!(!sender.is_published(&old, CHANNEL) && !sender.is_unread(&old) && !sender.withdraw(&old));
    let reading = receiver.accept(&handle).unwrap();
    assert!(sender.is_published(&handle, CHANNEL) && sender.withdraw(&handle));
    receiver.release(reading);
    let free = sender.try_loan(0).expect("it is free");
    sender.abandon(free);
}
