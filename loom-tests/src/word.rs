//! Atomic words over loom.

use std::sync::atomic as plain;
use std::sync::atomic::Ordering;

use ipc_ring::platform::Word;
use loom::sync::atomic as checked;

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $atomic:ident, $integer:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {
            /// Every access is a point at which another thread may run, and a load may be stale.
            Checked(checked::$atomic),
            /// A word that nothing depends on, such as a counter: not worth the checker's time.
            Plain(plain::$atomic),
        }

        impl $name {
            /// A word that is part of the protocol.
            #[must_use]
            pub fn checked(value: $integer) -> Self {
                Self::Checked(checked::$atomic::new(value))
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
                    Self::Plain(word) => word.load(Ordering::Relaxed),
                }
            }

            fn store(&self, value: $integer, ordering: Ordering) {
                match self {
                    Self::Checked(word) => word.store(value, ordering),
                    Self::Plain(word) => word.store(value, Ordering::Relaxed),
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
                    Self::Checked(word) => word.compare_exchange(current, new, success, failure),
                    Self::Plain(word) => {
                        word.compare_exchange(current, new, Ordering::Relaxed, Ordering::Relaxed)
                    }
                }
            }

            fn fetch_add(&self, value: $integer, ordering: Ordering) -> $integer {
                match self {
                    Self::Checked(word) => word.fetch_add(value, ordering),
                    Self::Plain(word) => word.fetch_add(value, Ordering::Relaxed),
                }
            }

            fn fetch_or(&self, bits: $integer, ordering: Ordering) -> $integer {
                match self {
                    Self::Checked(word) => word.fetch_or(bits, ordering),
                    Self::Plain(word) => word.fetch_or(bits, Ordering::Relaxed),
                }
            }

            fn fetch_and(&self, bits: $integer, ordering: Ordering) -> $integer {
                match self {
                    Self::Checked(word) => word.fetch_and(bits, ordering),
                    Self::Plain(word) => word.fetch_and(bits, Ordering::Relaxed),
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
