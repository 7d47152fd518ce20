//! The ends of each kind of channel, as sources and targets.

use std::time::Duration;

use ipc_ring::control::{self, ChannelEvent, Watch};
use ipc_ring::{Forked, Listener, Message, PeerExit, PeerState, PopError, PushError, WaitSetError};
use ipc_ring::{broadcast, bytes, latest, mpmc, spsc};

use crate::r#async::{Meaning, Source, Target, sealed::Sealed};

/// `failed` of errors with the variants `Forked` and `System`: an end is in its own domain, and waits have no
/// deadline.
macro_rules! failed {
    ($error:ty $(, $value:expr)?) => {
        fn failed(&self, error: WaitSetError) -> Self::Error {
            match error {
                WaitSetError::System(error) => <$error>::System($($value,)? error),
                _ => <$error>::from(Forked),
            }
        }
    };
}

/// A consuming end whose other side is one process, which `$peer` asks for.
macro_rules! consumer {
    ([$($generics:tt)*] $end:ty, $item:ty, $error:path, $peer:ident, $gap:pat) => {
        impl<$($generics)*> Sealed for $end {}

        impl<$($generics)*> Source for $end {
            type Item = $item;
            type Error = $error;

            fn try_next(&mut self) -> Result<Option<Self::Item>, Self::Error> {
                type Error = $error;
                match self.try_pop() {
                    Ok(item) => Ok(Some(item)),
                    Err(Error::Empty) => Ok(None),
                    Err(error) => Err(error),
                }
            }

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

consumer!([T: Message] spsc::Consumer<T>, T, PopError, peer, Error::Empty);
consumer!([] bytes::Consumer, Vec<u8>, PopError, peer, Error::Empty);
consumer!([T: Message] broadcast::Subscriber<T>, T, broadcast::PopError, publisher, Error::Missed(_));
consumer!([] broadcast::frames::Subscriber, Vec<u8>, broadcast::PopError, publisher, Error::Missed(_));

impl<T: Message> Sealed for mpmc::Consumer<T> {}

impl<T: Message> Source for mpmc::Consumer<T> {
    type Item = T;
    type Error = mpmc::PopError;

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

/// The values that are newer than the last one read; those in between are skipped.
impl<T: Message> Source for latest::Reader<T> {
    type Item = latest::Value<T>;
    type Error = latest::ReadError;

    fn try_next(&mut self) -> Result<Option<Self::Item>, latest::ReadError> {
        self.get_newer()
    }

    fn gone(&mut self) -> Option<latest::ReadError> {
        match self.writer() {
            Ok(PeerState::Gone(exit)) => Some(latest::ReadError::PeerGone(exit)),
            Ok(_) => None, // A successor has come.
            Err(error) => Some(latest::ReadError::System(error)),
        }
    }

    fn ended(&mut self) -> Option<latest::ReadError> {
        Some(latest::ReadError::Closed) // Or corrupt, which reading tells.
    }

    failed!(latest::ReadError);

    fn meaning(error: &latest::ReadError) -> Meaning {
        if matches!(error, latest::ReadError::Closed) { Meaning::End } else { Meaning::Failure }
    }
}

impl<T: Message> Sealed for latest::Reader<T> {}

/// The connections that a listener accepts.
impl Source for Listener {
    type Item = control::Connection;
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

impl Sealed for Listener {}

/// What happens at a channel.
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
    ([$($generics:tt)*] $end:ty, $item:ty, $push:ident) => {
        impl<$($generics)*> Sealed for $end {}

        impl<$($generics)*> Target for $end {
            type Item = $item;
            type Error = PushError<()>;

            fn try_send(&mut self, item: &$item) -> Result<bool, PushError<()>> {
                match self.$push(item) {
                    Ok(()) => Ok(true),
                    Err(PushError::Full(())) => Ok(false),
                    Err(error) => Err(error),
                }
            }

            fn gone(&mut self) -> Option<PushError<()>> {
                match self.peer() {
                    Ok(PeerState::Gone(exit)) => Some(PushError::PeerGone((), exit)),
                    Ok(_) => None, // A successor has come.
                    Err(error) => Some(PushError::System((), error)),
                }
            }

            failed!(PushError<()>, ());
        }
    };
}

producer!([T: Message] spsc::Producer<T>, T, try_push_from);
producer!([] bytes::Producer, [u8], try_push);

impl<T: Message> Sealed for mpmc::Producer<T> {}

impl<T: Message> Target for mpmc::Producer<T> {
    type Item = T;
    type Error = mpmc::PushError<()>;

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

    failed!(mpmc::PushError<()>, ());
}
