//! Corners of the broadcast ring of payloads: which blocks a publisher takes back, and what it says of them.

use std::num::NonZeroU64;

use ipc_ring::ring::broadcast::payloads::{Publisher, try_pop};
use ipc_ring::ring::broadcast::{Mapped, Mode, Pop, Resume, Start, Subscriber};
use ipc_ring::ring::pool::{self, Handle, Member, Route, Seat, Shape, class_stats};
use ipc_ring::{Barrier, Region};

const ROUTE: Route = Route::from_words(1, 1);

struct Ends {
    memory: Mapped<Handle>,
    member: Member<pool::Mapped>,
    publisher: Publisher<Mapped<Handle>>,
}

impl Ends {
    /// A gated ring without subscribers: each message is given up as soon as the publisher looks.
    fn new() -> Self {
        let shape = Shape::new(&[(64, 4), (128, 4)]).unwrap();
        let pool = pool::Mapped::new(Region::heap(shape.total_size), shape, 1).unwrap();
        let member = Member::new(pool.clone(), Seat::take(&pool, NonZeroU64::MIN).unwrap());
        let region = Region::heap(Mapped::<Handle>::geometry(4).unwrap().total_size());
        let memory = Mapped::make(region, 4, Barrier::Fence, Mode::Gated, 0).unwrap();
        let publisher = Publisher::attach(memory.clone(), &member, ROUTE).unwrap();
        Self { memory, member, publisher }
    }

    fn publish(&mut self, class: usize) {
        let loaned = self.member.try_loan(class).unwrap();
        self.publisher.try_publish(&self.member, loaned, 8).unwrap();
    }

    fn in_use(&self) -> [u64; 2] {
        [0, 1].map(|class| class_stats(self.member.memory(), class).in_use)
    }
}

#[test]
fn a_publisher_says_of_which_classes_blocks_are_free() {
    let mut ends = Ends::new();
    ends.publish(1);
    assert_eq!((ends.publisher.take_freed(), ends.in_use()), (0, [0, 1]));
    assert!(ends.publisher.withdraw_given_up(&ends.member));
    assert!(!ends.publisher.withdraw_given_up(&ends.member), "it was the only one");
    assert_eq!((ends.publisher.take_freed(), ends.in_use()), (0b10, [0, 0]));
    assert_eq!(ends.publisher.take_freed(), 0, "said already");
}

#[test]
fn a_block_that_is_being_read_is_withdrawn_but_not_free() {
    let mut ends = Ends::new();
    let mut watcher = Subscriber::watch(ends.memory.clone(), Start::Oldest, Resume::Oldest);
    ends.publish(0);
    let Pop::Item { item: Ok(reading), .. } = try_pop(&mut watcher, |handle| ends.member.accept(handle))
    else {
        panic!("it was published")
    };
    assert!(ends.publisher.withdraw_given_up(&ends.member));
    assert_eq!((ends.publisher.take_freed(), ends.in_use()), (0, [1, 0]));
    ends.member.release(reading);
    assert_eq!(ends.in_use(), [0, 0]);
}

#[test]
fn a_successor_takes_back_what_all_have_read() {
    let mut ends = Ends::new();
    ends.publish(0);
    ends.publish(1);
    ends.publisher = Publisher::attach(ends.memory.clone(), &ends.member, ROUTE).unwrap();
    assert_eq!((ends.publisher.take_freed(), ends.in_use()), (0b11, [0, 0]));
}
