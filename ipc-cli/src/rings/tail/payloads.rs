//! The payloads in pools that messages name by handles.

use ipc_cli_support::output::say;
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::{harmless, hex};
use ipc_ring::control::{HandleField, NameInfo};
use ipc_ring::observe::{DomainObserver, PayloadTap};
use ipc_ring::pool::Handle;
use ipc_ring::zerocopy::FromBytes as _;
use serde::Serialize;

use super::dump;
use crate::rings::observe::channel;
use crate::units::count;

/// The payloads of a channel's messages.
pub(super) struct Payloads {
    tap: PayloadTap,
    fields: Vec<HandleField>,
    bytes: Vec<u8>,
}

/// What a field of a message names.
#[derive(Serialize)]
pub(super) struct Payload {
    /// Its path; empty where the message is the handle.
    field: String,
    /// The name of the pool; null if the payload could not be read.
    pool: Option<String>,
    length: usize,
    /// The first bytes of it, as many as `--bytes` says.
    hex: Option<String>,
    /// Why it could not be read; null if it could.
    error: Option<String>,
    #[serde(skip)]
    shown: Vec<u8>,
}

impl Payloads {
    pub(super) fn of(domain: &DomainObserver, info: &NameInfo) -> Payloads {
        let fields = channel(info).map(|channel| channel.handles()).unwrap_or_default();
        Payloads { tap: PayloadTap::new(domain), fields, bytes: Vec::new() }
    }

    /// What the handles of a message name, with at most this number of bytes of each.
    pub(super) fn read(&mut self, message: &[u8], most: usize) -> Vec<Payload> {
        let mut named = Vec::new();
        for field in &self.fields {
            let bytes = message.get(field.offset..).unwrap_or_default();
            let Ok((handle, _)) = Handle::read_from_prefix(bytes) else { continue };
            // All zeros: a message without this payload.
            if handle.words()[0] == 0 {
                continue;
            }
            let read = self.tap.read(&handle, &mut self.bytes).map(|pool| pool.name.clone());
            let shown = self.bytes[..self.bytes.len().min(most)].to_vec();
            let (pool, error) = match read {
                Ok(pool) => (Some(pool), None),
                Err(error) => (None, Some(error.to_string())),
            };
            named.push(Payload {
                field: field.path.clone(),
                length: handle.len(),
                hex: pool.is_some().then(|| hex(&shown)),
                pool,
                error,
                shown,
            });
        }
        named
    }
}

impl Payload {
    pub(super) fn print(&self) {
        let field = if self.field.is_empty() { "payload" } else { &self.field };
        let (field, length) = (harmless(field), count(self.length as u64, "byte", "bytes"));
        match (&self.pool, &self.error) {
            (Some(pool), _) => {
                say!("  {field}: {length} in pool \"{}\"", harmless(pool));
                dump(&self.shown, self.length);
            }
            (None, error) => {
                let reason = harmless(error.as_deref().unwrap_or_default());
                say!("{}", paint(&Look::Doubtful.of(&format!("  {field}: {length}, missed: {reason}"))));
            }
        }
    }
}
