//! Binding a name: the queue, the directory's entry, and what may not be there already.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use ipc_core::Mode;

use super::super::builder::Builder;
use super::super::error::BindError;
use super::super::limits::{Admissions, Counts};
use super::super::mailbox::{self, Mailbox};
use super::Listener;
use crate::channel::{Carry, Frames};
use crate::domain::check_name;
use crate::error::AttachErrorKind;
use crate::platform::{Barrier, Native, Platform as _, Site};

impl Builder {
    /// Listens, for connections with frames in both directions.
    ///
    /// # Errors
    /// [`BindError::AlreadyBound`] by a living process; [`BindError::IsAChannel`]; [`BindError::Attach`].
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn bind(&self) -> Result<Listener, BindError> {
        self.bind_as()
    }

    /// Listens, for connections that carry `In` to the server and `Out` to the client.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_as<In: Carry, Out: Carry>(&self) -> Result<Listener<In, Out>, BindError> {
        Listener::new(self)
    }
}

impl Listener<Frames, Frames> {
    /// Listens under this name in the user's own domain. See [`Builder`] for everything else.
    ///
    /// # Errors
    /// As [`Builder::bind`].
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn bind(name: &str) -> Result<Self, BindError> {
        Builder::new(name).bind()
    }
}

/// A listener under the builder's name.
///
/// # Errors
/// As [`Builder::bind`].
pub(super) fn listen<In: Carry, Out: Carry>(builder: &Builder) -> Result<Listener<In, Out>, BindError> {
    check_name(&builder.name)?;
    let until = builder.until();
    let domain = builder.find_domain(until)?;
    let member = Arc::clone(domain.member());
    let fences = match builder.barrier {
        Some(Barrier::Asymmetric) if !member.asymmetric() => {
            return Err(BindError::Attach(AttachErrorKind::NoMembarrier.into()));
        }
        Some(barrier) => barrier == Barrier::Fence,
        None => !member.asymmetric(),
    };
    let capacity = |usual| builder.capacity.unwrap_or(usual);
    let capacities = (capacity(In::usual_capacity()), capacity(Out::usual_capacity()));
    let (slot, wake, entry) = domain.locked_until(until, |locked| {
        // The queue of a dead predecessor is removed first, so that no process can send to it.
        locked.sweep_queues()?;
        if let Some(entry) = locked.find(&builder.name)? {
            let name = builder.listener_name();
            return Ok(Err(match locked.listener(&entry) {
                Some(found) => BindError::AlreadyBound { listener: name, pid: locked.pid(found.creator) },
                None => BindError::IsAChannel { listener: name },
            }));
        }
        let wake = locked.claim_wake()?;
        let slot = match locked.make_queue(mailbox::write_only(member.mode()), wake, 0) {
            Ok(slot) => slot,
            Err(error) => {
                member.free_wake(wake);
                return Err(error);
            }
        };
        Native::crash_point(Site::ControlBinding);
        match locked.enter_listener(&builder.name, slot.queue.id(), wake, capacities, fences) {
            Ok(entry) => Ok(Ok((slot, wake, entry))),
            Err(error) => {
                mailbox::remove(locked, slot);
                member.free_wake(wake);
                Err(error)
            }
        }
    })??;
    Ok(Listener {
        name: builder.name.clone(),
        domain,
        mailbox: Mailbox::new(&member, slot, wake, true),
        entry,
        strategy: builder.strategy,
        timeout: builder.timeout,
        features: (builder.features, builder.needed),
        limits: builder.limits,
        users: builder.users.clone(),
        is_of_one_user: mailbox::write_only(member.mode()) == Mode::PRIVATE,
        handshakes: HashMap::new(),
        admissions: Admissions::default(),
        due: VecDeque::new(),
        retried: Instant::now(),
        ready: VecDeque::new(),
        counts: Counts::default(),
        tidied: Instant::now(),
        looked: Instant::now(),
    })
}
