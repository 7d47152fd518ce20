//! What channels of values of one type have in common, as queues of numbers.

use crate::spsc_common::check;

/// A slot that is neither a part of a line nor a whole number of them.
pub type Item = [u8; 41];

/// The number of an item, every byte of which must be its own.
pub fn number(item: &Item) -> u64 {
    let number = u64::from_le_bytes(*item.first_chunk().unwrap());
    check(item, number);
    number
}

/// The consuming half of a [`Queue`](crate::queue::Queue), of a type whose methods have the usual names. The
/// file has a function `popped` that interprets an answer.
macro_rules! pops_items {
    () => {
        fn try_pop(consumer: &mut Self::Consumer) -> Popped {
            popped(consumer.try_pop())
        }

        fn pop(consumer: &mut Self::Consumer) -> Popped {
            popped(consumer.pop())
        }

        fn pop_batch(consumer: &mut Self::Consumer, most: usize) -> u64 {
            let mut items = vec![[0; size_of::<Item>()]; most];
            let count = consumer.try_pop_slice(&mut items).unwrap();
            crate::hand::book(count as u64);
            items[..count].iter().for_each(|item| _ = number(item));
            count as u64
        }
    };
}

/// Looking in place, of a type that lends views.
macro_rules! views_items {
    () => {
        fn view(consumer: &mut Self::Consumer) {
            let view = consumer.try_view().unwrap();
            number(&view.read());
            crate::hand::book(1);
            view.release();
        }

        const GIVE_BACK: Option<fn(&mut Self::Consumer)> = Some(|consumer| {
            number(&consumer.try_view().unwrap().read());
        });
    };
}

pub(crate) use {pops_items, views_items};
