//! A request and its answer in one call.

use std::time::Duration;

use super::{Answer, Requester};
use crate::clock;
use crate::control::request::RequestError;
use crate::control::request::wire::{Kind, SIZE};

impl Requester {
    /// Sends a request and waits for the answer; the parts of an answer in parts are joined.
    ///
    /// # Errors
    /// [`RequestError`]. After [`RequestError::TimedOut`] and [`RequestError::Interrupted`] the request is
    /// cancelled at the server; an answer that comes all the same is dropped.
    ///
    /// # Blocking
    /// By the connection's wait strategy, at most `timeout`, room in the ring included.
    pub fn call(&mut self, body: &[u8], timeout: Duration) -> Result<Vec<u8>, RequestError> {
        let ticket = self.start_deadline(body, Some(clock::after(timeout)))?;
        let (mut whole, mut is_interrupted) = (Vec::new(), false);
        loop {
            let answer = self.wait(&ticket).inspect_err(|error| {
                is_interrupted = matches!(error, RequestError::Interrupted);
            });
            if is_interrupted {
                self.cancel_number(ticket.0);
            }
            match answer? {
                Answer::Part(part) => whole.extend_from_slice(&part),
                Answer::Last(part) if whole.is_empty() => return Ok(part),
                Answer::Last(part) => {
                    whole.extend_from_slice(&part);
                    return Ok(whole);
                }
            }
        }
    }

    /// As [`call`](Self::call), with the answer replacing the contents of `out`; returns its length. No
    /// allocation once `out` is large enough.
    ///
    /// # Errors
    /// As [`call`](Self::call). What `out` holds then is unspecified.
    ///
    /// # Blocking
    /// As [`call`](Self::call).
    pub fn call_vec(
        &mut self,
        body: &[u8],
        timeout: Duration,
        out: &mut Vec<u8>,
    ) -> Result<usize, RequestError> {
        out.clear();
        self.call_to(body, timeout, |part| out.extend_from_slice(part))?;
        Ok(out.len())
    }

    /// As [`call`](Self::call), with the answer copied to the front of `out`; returns its length. No
    /// allocation, unless the answer does not fit.
    ///
    /// # Errors
    /// [`RequestError::AnswerTooLong`] with the answer, when `out` is shorter; as [`call`](Self::call). What
    /// `out` holds then is unspecified.
    ///
    /// # Blocking
    /// As [`call`](Self::call).
    pub fn call_into(
        &mut self,
        body: &[u8],
        timeout: Duration,
        out: &mut [u8],
    ) -> Result<usize, RequestError> {
        let (mut len, mut long) = (0, Vec::new());
        self.call_to(body, timeout, |part| match out.get_mut(len..len + part.len()) {
            Some(place) if long.is_empty() => {
                place.copy_from_slice(part);
                len += part.len();
            }
            _ => {
                if long.is_empty() {
                    long.extend_from_slice(&out[..len]);
                }
                long.extend_from_slice(part);
            }
        })?;
        if long.is_empty() { Ok(len) } else { Err(RequestError::AnswerTooLong(long)) }
    }

    /// Sends a request and waits for the answer, whose parts are given to `take`, in order.
    fn call_to(
        &mut self,
        body: &[u8],
        timeout: Duration,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), RequestError> {
        let deadline = Some(clock::after(timeout));
        let (ticket, mut lost) = (self.start_deadline(body, deadline)?, None);
        loop {
            let head = self.receive_head(deadline).inspect_err(|error| {
                lost = Some(matches!(error, RequestError::TimedOut | RequestError::Interrupted));
            });
            match lost {
                Some(true) => self.cancel_number(ticket.0),
                Some(false) => drop(self.flights.remove(&ticket.0)),
                None => {}
            }
            let head = head?;
            if head.id != ticket.0 {
                self.keep(head)?;
                continue;
            }
            let part = &self.received[SIZE..];
            match head.kind {
                Kind::Part => take(part),
                Kind::Reply => {
                    take(part);
                    self.flights.remove(&ticket.0);
                    return Ok(());
                }
                Kind::Failure => {
                    self.flights.remove(&ticket.0);
                    return Err(RequestError::Failed { code: head.code });
                }
                Kind::Request | Kind::OneWay | Kind::Cancel => return Err(RequestError::Malformed),
            }
        }
    }
}
