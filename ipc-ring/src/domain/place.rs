//! Where a channel is observed from.

use ipc_core::Error;

use super::{Domain, DomainObserver, Owner};

/// Where channels are observed from: a [`Domain`] that this process is a member of, or a [`DomainObserver`].
pub trait Place: sealed::Sealed {}

impl Place for Domain {}
impl Place for DomainObserver {}

/// An owned place.
#[derive(Clone, Debug)]
pub enum Lookout {
    Member(Domain),
    Observer(DomainObserver),
}

impl Lookout {
    /// As [`Domain::is_alive`].
    pub(crate) fn is_alive(&self, owner: Owner) -> Result<bool, Error> {
        match self {
            Self::Member(domain) => domain.is_alive(owner),
            Self::Observer(observer) => observer.is_alive(owner),
        }
    }
}

pub(crate) mod sealed {
    use super::{Domain, DomainObserver, Lookout};

    pub trait Sealed {
        fn lookout(&self) -> Lookout;
    }

    impl Sealed for Domain {
        fn lookout(&self) -> Lookout {
            Lookout::Member(self.clone())
        }
    }

    impl Sealed for DomainObserver {
        fn lookout(&self) -> Lookout {
            Lookout::Observer(self.clone())
        }
    }
}
