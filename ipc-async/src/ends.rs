//! The ends of each kind of channel, as sources and targets.

use std::time::Duration;

use ipc_ring::broadcast::{frames, payloads};
use ipc_ring::control::{self, Carry, ChannelEvent, Watch};
use ipc_ring::pool::{self, ReceiveError};
use ipc_ring::{Forked, Listener, Message, PeerExit, PeerState, PopError, PushError, WaitSetError};
use ipc_ring::{broadcast, bytes, latest, mpmc, spsc};

use crate::traits::{Meaning, Source, Target, sealed::Sealed};

/// `failed` for errors with the variants `Forked` and `System`: an end is in its own domain, and waits have
/// no deadline.
macro_rules! failed {
    ($error:ty) => {
        fn failed(&self, error: WaitSetError) -> Self::Error {
            match error {
                WaitSetError::System(error) => <$error>::System(error),
                _ => <$error>::from(Forked),
            }
        }
    };
}

/// A consuming end whose other side is one process; `$peer` asks for its state.
macro_rules! consumer {
    ([$($generics:tt)*] $end:ty, $item:ty, $error:path, $peer:ident, $gap:pat $(, ready: $ready:ident)?) => {
        impl<$($generics)*> Sealed for $end {}

        impl<$($generics)*> Source for $end {
            type Item = $item;
            type Error = $error;

            #[inline]
            fn try_next(&mut self) -> Result<Option<Self::Item>, Self::Error> {
                type Error = $error;
                match self.try_pop() {
                    Ok(item) => Ok(Some(item)),
                    Err(Error::Empty) => Ok(None),
                    Err(error) => Err(error),
                }
            }

            $(
                #[inline(always)]
                fn next_ready(&mut self) -> Option<Self::Item> {
                    self.$ready()
                }
            )?

            fn gone(&mut self) -> Option<Self::Error> {
                type Error = $error;
                match self.$peer() {
                    Ok(PeerState::Gone(exit)) => Some(Error::PeerGone(exit)),
                    Ok(_) => None, // A successor has come.
                    Err(error) => Some(Error::System(error)),
                }
            }

            failed!($error);

            fn meaning(error: &Self::Error) -> Meaning {
                type Error = $error;
                match error {
                    Error::Closed => Meaning::End,
                    $gap => Meaning::Gap,
                    _ => Meaning::Failure,
                }
            }
        }
    };
}

consumer!([T: Message] spsc::Consumer<T>, T, PopError, peer, Error::Empty, ready: pop_if_known);
consumer!([] bytes::Consumer, Vec<u8>, PopError, peer, Error::Empty);
consumer!([T: Message] broadcast::Subscriber<T>, T, broadcast::PopError, peer, Error::Missed(_));
consumer!([] broadcast::frames::Subscriber, Vec<u8>, broadcast::PopError, peer, Error::Missed(_));

/// The payloads that a publisher publishes.
impl Source for payloads::Subscriber {
    type Item = pool::View;
    type Error = ReceiveError<broadcast::PopError>;

    fn try_next(&mut self) -> Result<Option<pool::View>, Self::Error> {
        match self.try_pop() {
            Ok(view) => Ok(Some(view)),
            Err(ReceiveError::Channel(broadcast::PopError::Empty)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn gone(&mut self) -> Option<Self::Error> {
        match self.peer() {
            Ok(PeerState::Gone(exit)) => Some(ReceiveError::Channel(broadcast::PopError::PeerGone(exit))),
            Ok(_) => None, // A successor has come.
            Err(error) => Some(ReceiveError::Channel(broadcast::PopError::System(error))),
        }
    }

    fn failed(&self, error: WaitSetError) -> Self::Error {
        ReceiveError::Channel(match error {
            WaitSetError::System(error) => broadcast::PopError::System(error),
            _ => broadcast::PopError::from(Forked),
        })
    }

    fn meaning(error: &Self::Error) -> Meaning {
        match error {
            ReceiveError::Channel(broadcast::PopError::Closed) => Meaning::End,
            ReceiveError::Channel(broadcast::PopError::Missed(_)) | ReceiveError::Refused(_) => Meaning::Gap,
            _ => Meaning::Failure,
        }
    }
}

impl Sealed for payloads::Subscriber {}

impl<T: Message> Sealed for mpmc::Consumer<T> {}

impl<T: Message> Source for mpmc::Consumer<T> {
    type Item = T;
    type Error = mpmc::PopError;

    #[inline]
    fn try_next(&mut self) -> Result<Option<T>, mpmc::PopError> {
        match self.try_pop() {
            Ok(message) => Ok(Some(message)),
            Err(mpmc::PopError::Empty | mpmc::PopError::Busy { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn gone(&mut self) -> Option<mpmc::PopError> {
        Some(mpmc::PopError::PeerGone(PeerExit::All))
    }

    failed!(mpmc::PopError);

    fn meaning(error: &mpmc::PopError) -> Meaning {
        if matches!(error, mpmc::PopError::Closed) { Meaning::End } else { Meaning::Failure }
    }
}

/// An end that reads values; $next returns the next one that is newer.
macro_rules! reader {
    ($(#[$doc:meta])* $end:ident, $item:ty, $next:expr) => {
        $(#[$doc])*
        impl<T: Message> Source for latest::$end<T> {
            type Item = $item;
            type Error = latest::ReadError;

            fn try_next(&mut self) -> Result<Option<Self::Item>, latest::ReadError> {
                let next: fn(&mut Self) -> Result<Option<Self::Item>, latest::ReadError> = $next;
                match next(self) {
                    // There is a value, and the next attempt may be fast enough.
                    Err(latest::ReadError::Contended) => Ok(None),
                    result => result,
                }
            }

            fn gone(&mut self) -> Option<latest::ReadError> {
                match self.peer() {
                    Ok(PeerState::Gone(exit)) => Some(latest::ReadError::PeerGone(exit)),
                    Ok(_) => None, // A successor has come.
                    Err(error) => Some(latest::ReadError::System(error)),
                }
            }

            fn ended(&mut self) -> Option<latest::ReadError> {
                Some(latest::ReadError::Closed) // Or corrupt, which reading reports.
            }

            failed!(latest::ReadError);

            fn meaning(error: &latest::ReadError) -> Meaning {
                if matches!(error, latest::ReadError::Closed) { Meaning::End } else { Meaning::Failure }
            }
        }

        impl<T: Message> Sealed for latest::$end<T> {}
    };
}

reader!(
    /// The values that are newer than the last one read; those in between are skipped.
    Reader,
    latest::Value<T>,
    Self::get_newer
);
reader!(
    /// The keys whose values are newer than the last ones read, with those values. Those in between are
    /// skipped.
    TableReader,
    (u32, latest::Value<T>),
    |reader| {
        let Some(key) = reader.changed()? else { return Ok(None) };
        Ok(reader.get_newer(key)?.map(|value| (key, value)))
    }
);
/// The connections that a listener accepts.
impl<In: Carry, Out: Carry> Source for Listener<In, Out> {
    type Item = control::Connection<Out, In>;
    type Error = control::AcceptError;

    fn try_next(&mut self) -> Result<Option<Self::Item>, control::AcceptError> {
        self.try_accept()
    }

    fn gone(&mut self) -> Option<control::AcceptError> {
        None
    }

    fn failed(&self, error: WaitSetError) -> control::AcceptError {
        match error {
            WaitSetError::System(error) => control::AcceptError::System { listener: self.full_name(), error },
            _ => control::AcceptError::Forked { listener: self.full_name() },
        }
    }

    fn meaning(_: &control::AcceptError) -> Meaning {
        Meaning::Failure
    }
}

impl<In: Carry, Out: Carry> Sealed for Listener<In, Out> {}

/// The events of a channel.
impl Source for Watch {
    type Item = ChannelEvent;
    type Error = WaitSetError;

    fn try_next(&mut self) -> Result<Option<ChannelEvent>, WaitSetError> {
        self.next_timeout(Duration::ZERO).map_err(WaitSetError::System)
    }

    fn gone(&mut self) -> Option<WaitSetError> {
        None
    }

    fn failed(&self, error: WaitSetError) -> WaitSetError {
        error
    }

    fn meaning(_: &WaitSetError) -> Meaning {
        Meaning::Failure
    }
}

impl Sealed for Watch {}

/// A producing end whose other side is one process.
macro_rules! producer {
    ([$($generics:tt)*] $end:ty, $item:ty, $push:ident $(, ready: $ready:ident)?) => {
        impl<$($generics)*> Sealed for $end {}

        impl<$($generics)*> Target for $end {
            type Item = $item;
            type Error = PushError<()>;

            #[inline]
            fn try_send(&mut self, item: &$item) -> Result<bool, PushError<()>> {
                match self.$push(item) {
                    Ok(()) => Ok(true),
                    Err(PushError::Full(())) => Ok(false),
                    Err(error) => Err(error),
                }
            }

            $(
                #[inline(always)]
                fn send_ready(&mut self, item: &$item) -> Option<u32> {
                    self.$ready(item)
                }

                fn sent(&mut self, signal: u32) -> Result<(), PushError<()>> {
                    self.wake_for(signal)
                }
            )?

            fn gone(&mut self) -> Option<PushError<()>> {
                match self.peer() {
                    Ok(PeerState::Gone(exit)) => Some(PushError::PeerGone((), exit)),
                    Ok(_) => None, // A successor has come.
                    Err(error) => Some(PushError::System((), error)),
                }
            }

            fn failed(&self, error: WaitSetError) -> Self::Error {
                not_pushed(error)
            }
        }
    };
}

producer!([T: Message] spsc::Producer<T>, T, try_push_before_waiting, ready: push_if_known);
producer!([] bytes::Producer, [u8], try_push);

impl<T: Message> Sealed for mpmc::Producer<T> {}

impl<T: Message> Target for mpmc::Producer<T> {
    type Item = T;
    type Error = mpmc::PushError<()>;

    #[inline]
    fn try_send(&mut self, item: &T) -> Result<bool, mpmc::PushError<()>> {
        match self.try_push_from(item) {
            Ok(()) => Ok(true),
            Err(mpmc::PushError::Full(()) | mpmc::PushError::Busy((), _)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn gone(&mut self) -> Option<mpmc::PushError<()>> {
        Some(mpmc::PushError::PeerGone((), PeerExit::All))
    }

    fn failed(&self, error: WaitSetError) -> Self::Error {
        not_pushed(error)
    }
}

/// A publisher, which waits for room in a gated channel. Subscribers that are gone are dropped rather than
/// waited for.
macro_rules! publisher {
    ([$($generics:tt)*] $end:ty, $item:ty, $publish:ident) => {
        impl<$($generics)*> Sealed for $end {}

        impl<$($generics)*> Target for $end {
            type Item = $item;
            type Error = PushError<()>;

            #[inline]
            fn try_send(&mut self, item: &$item) -> Result<bool, PushError<()>> {
                match self.$publish(item) {
                    Ok(()) => Ok(true),
                    Err(PushError::Full(())) => Ok(false),
                    Err(error) => Err(error),
                }
            }

            fn gone(&mut self) -> Option<PushError<()>> {
                None
            }

            fn failed(&self, error: WaitSetError) -> Self::Error {
                not_pushed(error)
            }
        }
    };
}

publisher!([T: Message] broadcast::Publisher<T>, T, try_push_from);
publisher!([] frames::Publisher, [u8], try_push);

/// The error of a push when waiting failed.
pub(crate) fn not_pushed(error: WaitSetError) -> PushError<()> {
    match error {
        WaitSetError::System(error) => PushError::System((), error),
        _ => PushError::from(Forked),
    }
}
