//! The words of an spsc ring. The table stands in `docs/layout.md` too.

use crate::layout::HEADER_SIZE;
use crate::memory::{Access, words};

words! {
    /// The words in front of the slots of an spsc ring, and of the records of a bytes ring.
    ///
    /// The producer's line has room for its position, which a bytes ring has there and this one has not: a
    /// push would be one store longer, and observers find the position from the sequence words.
    pub trait Words: Access;
    /// The fields of an spsc ring behind its header.
    const FIELDS from HEADER_SIZE;

    /// The producer's record.
    0x100 [32] PRODUCER_RECORD producer_record: area, "producer, at attach and detach";
    /// The consumer's record.
    0x180 [32] CONSUMER_RECORD consumer_record: area, "consumer, at attach and detach";
    /// How often the producer found the ring full.
    0x208 u64 FOUND_FULL found_full: counter, "producer";
    /// How often the producer woke the consumer.
    0x210 u64 PRODUCER_WAKES producer_wakes: counter, "producer";
    /// The largest number of waiting messages, or bytes with headers and paddings, that the producer has
    /// seen.
    0x218 u64 HIGH_WATER high_water: counter, "producer";
    /// Whether the producer fences its looks at the consumer's signal: see [`fences`](crate::wait::fences).
    0x228 u32 PRODUCER_FENCES producer_fences: protocol, "producer, Release (W4)";
    /// The consumer's exact position.
    0x280 u64 CONSUMED consumed: protocol, "consumer, each pop, Release (S3)";
    /// How often the consumer found the ring empty.
    0x288 u64 FOUND_EMPTY found_empty: counter, "consumer";
    /// How often the consumer woke the producer.
    0x290 u64 CONSUMER_WAKES consumer_wakes: counter, "consumer";
    /// Whether the consumer fences its looks at the producer's signal.
    0x2a0 u32 CONSUMER_FENCES consumer_fences: protocol, "consumer, Release (W4)";
    /// Position below which all slots, or bytes, may be written again; at most a quarter ring behind.
    0x300 u64 HEAD head: protocol, "consumer, each quarter ring and when it finds nothing, Release (S2)";
    /// The position up to which the consumer is about to give slots or bytes back, ahead of `consumed` from
    /// the look at the producer's signal until then. Looked at by a producer that is about to sleep.
    0x308 u64 GIVING giving: protocol, "consumer, each quarter ring, before it looks at `producer_signal`";
    /// The consumer's state, looked at by the producer on each push: see [`signal`](crate::wait::signal).
    0x380 u32 CONSUMER_SIGNAL consumer_signal: protocol, "both, atomically";
    /// 1 while the consumer keeps finding messages waiting: then the producer neither pushes lines out of its
    /// cache nor takes those of the next message.
    0x388 u32 DENSE dense: hint, "consumer";
    /// The producer's state, looked at by the consumer when it finds nothing and when it publishes the head.
    0x400 u32 PRODUCER_SIGNAL producer_signal: protocol, "both, atomically";
    /// The slots.
    0x480 rest SLOTS_OFFSET slots: area, "producer; consumer of a stream, with what is there already";
}

#[cfg(test)]
#[test]
fn the_specification_has_the_same_words() {
    crate::documented::assert_fields("The spsc ring", FIELDS);
}
