//! The rest of a connection besides its rings: the process at the other side, and why the connection ended.

use std::sync::Arc;

use super::handshake::{Client, Server};
use super::limits::Admission;
use super::mailbox::{Address, Mailbox};
use super::peer::Peer;
use super::reason::Reason;
use crate::domain::{Member, Owner};

/// The rest of a connection besides its rings. Dropping it releases the connection's place in the listener's
/// count.
#[derive(Debug)]
pub struct Session {
    peer: Peer,
    side: Side,
    close_reason: Option<Reason>,
}

#[derive(Debug)]
enum Side {
    Client { machine: Client, mailbox: Mailbox },
    Server { machine: Server, address: Address, member: Arc<Member>, _admission: Admission },
}

impl Session {
    pub(super) fn of_client(machine: Client, mailbox: Mailbox, peer: Peer) -> Self {
        Self { peer, side: Side::Client { machine, mailbox }, close_reason: None }
    }

    pub(super) fn of_server(
        machine: Server,
        address: Address,
        member: Arc<Member>,
        admission: Admission,
        peer: Peer,
    ) -> Self {
        Self {
            peer,
            side: Side::Server { machine, address, member, _admission: admission },
            close_reason: None,
        }
    }

    pub(super) fn member(&self) -> &Arc<Member> {
        match &self.side {
            Side::Client { mailbox, .. } => mailbox.member(),
            Side::Server { member, .. } => member,
        }
    }

    /// The process at the other side.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The features that both sides offer.
    #[must_use]
    pub fn features(&self) -> u64 {
        match &self.side {
            Side::Client { machine, .. } => machine.features(),
            Side::Server { machine, .. } => machine.features(),
        }
    }

    /// The server's reason for ending the connection, if it sent one. For a client, after its rings were
    /// closed; one system call.
    pub fn close_reason(&mut self) -> Option<Reason> {
        if self.member().is_ours()
            && let Side::Client { machine, mailbox } = &mut self.side
        {
            while let Ok(Some(received)) = mailbox.try_receive() {
                let reason = received.ok().and_then(|frame| machine.close_reason(&frame));
                self.close_reason = self.close_reason.or(reason);
            }
        }
        self.close_reason
    }

    /// Sends the client the reason why the connection ends. Close the rings after it. Never waits; a client
    /// whose queue is full does not read and gets no reason.
    pub(super) fn send_close_reason(&mut self, reason: Reason) {
        if self.member().is_ours()
            && let Side::Server { machine, address, member, .. } = &mut self.side
        {
            let _ = address.post(member, &machine.bye(reason));
        }
        self.close_reason = Some(reason);
    }

    /// Whether the process at the other side is alive. One system call.
    ///
    /// # Errors
    /// When it cannot be determined: the domain's semaphores were removed, or this process may not read them
    /// any more.
    pub fn is_peer_alive(&self) -> Result<bool, ipc_core::Error> {
        self.member().is_alive(self.peer.owner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A dead client leaves its queue behind.
        if let Side::Server { member, .. } = &self.side
            && member.is_ours()
            && self.peer.owner != Owner::NONE
            && matches!(member.is_alive(self.peer.owner), Ok(false))
        {
            // What cannot be judged now is left for the next process that looks.
            if !matches!(member.try_locked(|locked| locked.sweep_queues()), Some(Ok(()))) {
                member.leave_rest();
            }
        }
    }
}
