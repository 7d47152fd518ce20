//! Atomic words over loom.
//!
//! Loom remembers only the last access of each atomic to find the orders that are worth exploring. A thread's
//! own load hides an earlier load of another thread; when the first thread then stores, loom does not see
//! that the store could have come before that other load, and may explore a single schedule. A word that one
//! thread both loads and stores must therefore be `Contended`: each load is preceded by a store to a shadow,
//! so that loads conflict with loads and none is forgotten.

use std::sync::Mutex;
use std::sync::atomic as plain;
use std::sync::atomic::Ordering;

use ipc_ring::platform::Word;
use loom::sync::atomic as checked;
use loom::thread::{self, ThreadId};

fn stores(storer: &Mutex<ThreadId>) {
    *storer.lock().expect("no thread panics with it") = thread::current().id();
}

fn loads(maker: ThreadId, storer: &Mutex<ThreadId>) {
    let storer = *storer.lock().expect("no thread panics with it");
    let known = storer == maker || storer == thread::current().id();
    assert!(
        known || thread::current().id() == maker,
        "a word on which nothing was to depend passes from thread to thread"
    );
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $atomic:ident, $integer:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {
            /// Every access is a point at which another thread may run, and a load may be stale. No thread
            /// both loads and stores it.
            Checked(checked::$atomic),
            /// As `Checked`, but for a word that one thread both loads and stores.
            Contended {
                /// The word.
                word: checked::$atomic,
                /// Stored before each load, which makes loads depend on each other.
                shadow: checked::AtomicBool,
            },
            /// A word that nothing depends on, such as a counter: not worth exploring.
            Plain(plain::$atomic),
            /// A word of the protocol on which nothing depends in this model: no thread loads what another
            /// one has stored to it since the model was set up.
            Still {
                /// The word.
                word: plain::$atomic,
                /// The thread that sets the model up.
                maker: ThreadId,
                /// The thread that stored last.
                storer: Mutex<ThreadId>,
            },
            /// A word that ignores stores: a mistake, see [`mutation`](crate::mutation).
            Deaf($integer),
        }

        impl $name {
            /// A word of the protocol that no thread both loads and stores.
            #[must_use]
            pub fn checked(value: $integer) -> Self {
                Self::Checked(checked::$atomic::new(value))
            }

            /// A word of the protocol that one thread loads before it stores to it or exchanges it.
            #[must_use]
            pub fn contended(value: $integer) -> Self {
                Self::Contended { word: checked::$atomic::new(value), shadow: checked::AtomicBool::new(false) }
            }

            /// A word of the protocol on which nothing depends in this model.
            #[must_use]
            pub fn still(value: $integer) -> Self {
                let maker = thread::current().id();
                Self::Still { word: plain::$atomic::new(value), maker, storer: Mutex::new(maker) }
            }

            /// A word that nothing depends on.
            #[must_use]
            pub const fn plain(value: $integer) -> Self {
                Self::Plain(plain::$atomic::new(value))
            }
        }

        impl Word<$integer> for $name {
            fn load(&self, ordering: Ordering) -> $integer {
                match self {
                    Self::Checked(word) => word.load(ordering),
                    Self::Contended { word, shadow } => {
                        shadow.store(true, Ordering::Relaxed);
                        word.load(ordering)
                    }
                    Self::Plain(word) => word.load(Ordering::Relaxed),
                    Self::Still { word, maker, storer } => {
                        loads(*maker, storer);
                        word.load(Ordering::Relaxed)
                    }
                    Self::Deaf(value) => *value,
                }
            }

            fn store(&self, value: $integer, ordering: Ordering) {
                match self {
                    Self::Checked(word) | Self::Contended { word, .. } => word.store(value, ordering),
                    Self::Plain(word) => word.store(value, Ordering::Relaxed),
                    Self::Still { word, storer, .. } => {
                        stores(storer);
                        word.store(value, Ordering::Relaxed);
                    }
                    Self::Deaf(_) => {}
                }
            }

            fn compare_exchange(
                &self,
                current: $integer,
                new: $integer,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$integer, $integer> {
                match self {
                    Self::Checked(word) | Self::Contended { word, .. } => word.compare_exchange(current, new, success, failure),
                    Self::Plain(word) => {
                        word.compare_exchange(current, new, Ordering::Relaxed, Ordering::Relaxed)
                    }
                    Self::Still { word, maker, storer } => {
                        loads(*maker, storer);
                        stores(storer);
                        word.compare_exchange(current, new, Ordering::Relaxed, Ordering::Relaxed)
                    }
                    Self::Deaf(value) => Err(*value),
                }
            }

            fn fetch_add(&self, value: $integer, ordering: Ordering) -> $integer {
                match self {
                    Self::Checked(word) | Self::Contended { word, .. } => word.fetch_add(value, ordering),
                    Self::Plain(word) => word.fetch_add(value, Ordering::Relaxed),
                    Self::Still { word, maker, storer } => {
                        loads(*maker, storer);
                        stores(storer);
                        word.fetch_add(value, Ordering::Relaxed)
                    }
                    Self::Deaf(value) => *value,
                }
            }

            fn fetch_or(&self, bits: $integer, ordering: Ordering) -> $integer {
                match self {
                    Self::Checked(word) | Self::Contended { word, .. } => word.fetch_or(bits, ordering),
                    Self::Plain(word) => word.fetch_or(bits, Ordering::Relaxed),
                    Self::Still { word, maker, storer } => {
                        loads(*maker, storer);
                        stores(storer);
                        word.fetch_or(bits, Ordering::Relaxed)
                    }
                    Self::Deaf(value) => *value,
                }
            }

            fn fetch_and(&self, bits: $integer, ordering: Ordering) -> $integer {
                match self {
                    Self::Checked(word) | Self::Contended { word, .. } => word.fetch_and(bits, ordering),
                    Self::Plain(word) => word.fetch_and(bits, Ordering::Relaxed),
                    Self::Still { word, maker, storer } => {
                        loads(*maker, storer);
                        stores(storer);
                        word.fetch_and(bits, Ordering::Relaxed)
                    }
                    Self::Deaf(value) => *value,
                }
            }
        }
    };
}

word!(
    /// A 64-bit word.
    Word64,
    AtomicU64,
    u64
);
word!(
    /// A 32-bit word.
    Word32,
    AtomicU32,
    u32
);
