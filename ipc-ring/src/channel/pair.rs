//! What channels with one producer and one consumer have in common: where the words of their ends lie, and
//! how dropping an end affects the stream.

use super::end::{End, Seats};
use super::record::Record;
use super::successor::{self, Side, Takers};
use crate::ring::spsc::{
    CONSUMER_FENCES, CONSUMER_RECORD, CONSUMER_SIGNAL, CONSUMER_WAKES, PRODUCER_FENCES, PRODUCER_RECORD,
    PRODUCER_SIGNAL, PRODUCER_WAKES,
};
use crate::wait::signal::CLOSED;

/// The producer's seat or the consumer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Producer,
    Consumer,
}

/// The consumer of a ring, and how it learns that the stream has ended.
pub(super) const TAKERS: Takers = Takers {
    closed: (PRODUCER_SIGNAL, CLOSED),
    seats: successor::Seats::One(Record::at(CONSUMER_RECORD), CONSUMER_SIGNAL),
};

impl Role {
    /// Whether messages go in or come out at the role's end.
    pub(super) const fn side(self) -> Side {
        match self {
            Role::Producer => Side::Gives,
            Role::Consumer => Side::Takes,
        }
    }

    /// [`seats`](Self::seats) and [`side`](Self::side).
    pub(super) const fn place(self) -> (Seats, Side) {
        (self.seats(), self.side())
    }

    /// Where this role's words lie, and the other's.
    pub(super) const fn seats(self) -> Seats {
        let (producer, consumer) = (Record::at(PRODUCER_RECORD), Record::at(CONSUMER_RECORD));
        match self {
            Role::Producer => Seats {
                own: producer,
                peer: consumer,
                own_signal: PRODUCER_SIGNAL,
                peer_signal: CONSUMER_SIGNAL,
                own_fences: PRODUCER_FENCES,
                peer_fences: CONSUMER_FENCES,
                own_wakes: PRODUCER_WAKES,
            },
            Role::Consumer => Seats {
                own: consumer,
                peer: producer,
                own_signal: CONSUMER_SIGNAL,
                peer_signal: PRODUCER_SIGNAL,
                own_fences: CONSUMER_FENCES,
                peer_fences: PRODUCER_FENCES,
                own_wakes: CONSUMER_WAKES,
            },
        }
    }
}

/// How dropping an end affects the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Close,
    Detach,
}

impl Ending {
    /// Closing if this is true.
    pub(super) fn closing_if(closes: bool) -> Self {
        if closes { Ending::Close } else { Ending::Detach }
    }

    /// The effect of dropping the producer: it ends the stream, unless the channel is to outlive its
    /// processes.
    pub(super) fn of_producer(is_persistent: bool) -> Self {
        Self::closing_if(!is_persistent)
    }
}

/// Gives the producer's seat up, after signalling `ending`. A panic detaches. Does nothing in a forked child.
pub(super) fn leave_producer(end: &mut End, ending: Ending) {
    // A consumer that closed will pop nothing more, and neither will a successor.
    leave(end, ending, |end, _| end.peer_bits() & CLOSED != 0);
}

/// As [`leave_producer`], for the consumer. `has_item`: whether anything is left to pop.
pub(super) fn leave_consumer(end: &mut End, ending: Ending, has_item: bool) {
    leave(end, ending, |end, closing| closing || (end.peer_bits() & CLOSED != 0 && !has_item));
}

fn leave(end: &mut End, ending: Ending, is_finished: impl FnOnce(&End, bool) -> bool) {
    if end.is_ours() {
        let closing = ending == Ending::Close && !std::thread::panicking();
        if closing {
            end.set_flags(CLOSED);
        }
        let finished = is_finished(end, closing);
        end.give_up(finished);
    }
}
