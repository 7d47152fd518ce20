//! Waiting for the end of a process of the domain, and killing one.

use std::time::Instant;

use ipc_core::liveness::{self, DeathWatch};

use super::layout::{LIVE, P_GENERATION, P_STATE, PROCESS_SIZE, PROCESS_TABLE, PROCESSES, token};
use super::{Domain, Member, Owner};
use crate::error::{AttachError, AttachErrorKind};
use crate::wait::HEARTBEAT;
use crate::wait::interrupt::Interrupts;

impl Member {
    /// Sleeps until the process is gone. True, at once, if it is; false at the deadline.
    pub(crate) fn wait_for_exit(
        &self,
        owner: Owner,
        deadline: Instant,
        interrupts: Option<&Interrupts>,
    ) -> Result<bool, ipc_core::Error> {
        loop {
            let Some(slot) = self.slot_of_living(owner)? else { return Ok(true) };
            interrupts.map_or(Ok(()), |interrupts| interrupts.check("wait for an exit"))?;
            let now = Instant::now();
            let wait = if interrupts.is_some_and(Interrupts::by_signals) {
                DeathWatch::wait_deadline_interruptible
            } else {
                DeathWatch::wait_deadline
            };
            // The kernel completes this wait in the step that lowers the token, before another process can
            // claim the slot. An `exec` does not lower the token.
            let is_lowered = wait(&self.semaphores, token(slot), deadline.min(now + HEARTBEAT))?;
            if !is_lowered && now >= deadline {
                return Ok(!self.is_alive(owner)?);
            }
        }
    }

    /// The living member with this process number, in this process's numbering.
    pub(crate) fn owner_of(&self, pid: u32) -> Result<Option<Owner>, ipc_core::Error> {
        self.asking(|is_alive| {
            (0..PROCESSES).find_map(|slot| {
                let process = PROCESS_TABLE + slot * PROCESS_SIZE;
                let owner = Owner::new(slot, self.table.get(process + P_GENERATION));
                let found = self.table.get_half(process + P_STATE) == LIVE
                    && matches!(self.semaphores.last_pid(token(slot)), Ok(Some(holder)) if holder == pid);
                (found && is_alive(owner.as_raw())).then_some(owner)
            })
        })
    }

    fn slot_of_living(&self, owner: Owner) -> Result<Option<usize>, ipc_core::Error> {
        Ok(if self.is_alive(owner)? { owner.slot() } else { None })
    }

    /// Kills the process and waits until it is gone. True when it is.
    pub(crate) fn evict(
        &self,
        owner: Owner,
        deadline: Instant,
        interrupts: Option<&Interrupts>,
    ) -> Result<bool, ipc_core::Error> {
        let Some(slot) = self.slot_of_living(owner)? else { return Ok(true) };
        liveness::kill_holder(&self.semaphores, token(slot))?;
        self.wait_for_exit(owner, deadline, interrupts)
    }
}

impl Domain {
    /// The member with this process number, in this process's numbering, if it is alive. The kernel says
    /// which process holds which member's token. The number that a member recorded itself is not used, since
    /// the member may be in another process namespace.
    ///
    /// # Errors
    /// As [`is_alive`](Self::is_alive).
    pub fn owner_of(&self, pid: u32) -> Result<Option<Owner>, ipc_core::Error> {
        self.member().owner_of(pid)
    }

    /// Sleeps until a process of this domain has left it or died; the kernel wakes the sleeper. True if it is
    /// gone, false if the deadline has passed and it is alive. If it has become another program by `exec`,
    /// that is detected within a tenth of a second.
    ///
    /// # Errors
    /// [`System`](crate::AttachErrorKind::System) if the domain's semaphores were removed;
    /// [`Forked`](crate::AttachErrorKind::Forked).
    pub fn wait_for_exit(&self, owner: Owner, deadline: Instant) -> Result<bool, AttachError> {
        self.member().check_process()?;
        let member = self.member();
        member
            .wait_for_exit(owner, deadline, self.interrupts().as_ref())
            .map_err(|error| member.explain(error))
    }

    /// Evicts a process from the domain: kills it with SIGKILL, and waits until the kernel confirms that it
    /// can store nothing more. True if it is gone.
    ///
    /// For a process that is stopped, or stuck with something that others need. Such a process counts as
    /// alive, because it may continue at the very instruction where it stands, and only its end prevents its
    /// next store to the rings. Afterwards its ends are those of a dead process, and are repaired and taken
    /// over as such.
    ///
    /// # Errors
    /// [`SelfEviction`](crate::AttachErrorKind::SelfEviction) for this process;
    /// [`System`](crate::AttachErrorKind::System): the process belongs to another user, or to a process
    /// namespace that is not visible from here; [`Forked`](crate::AttachErrorKind::Forked).
    ///
    /// # Blocking
    /// Until the process is gone or the deadline has passed. SIGKILL does not write a core dump, so that is
    /// soon.
    pub fn evict(&self, owner: Owner, deadline: Instant) -> Result<bool, AttachError> {
        let member = self.member();
        member.check_process()?;
        if owner == self.me() {
            return Err(member.explain(AttachErrorKind::SelfEviction));
        }
        member.evict(owner, deadline, self.interrupts().as_ref()).map_err(|error| member.explain(error))
    }
}
