//! How objects are named on the command line: `shm:3` by identifier, `shm:0x2a` or `shm:key=42` by key.

use std::fmt;
use std::str::FromStr;

use ipc_core::{EvidenceKind, Key};
use serde::Serialize;

/// The three kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Shm,
    Sem,
    Msg,
}

impl Kind {
    /// What it is called in the output for programs, and in the evidence of the library.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Kind::Shm => "segment",
            Kind::Sem => "set",
            Kind::Msg => "queue",
        }
    }

    pub(crate) fn of(kind: EvidenceKind) -> Kind {
        match kind {
            EvidenceKind::Segment => Kind::Shm,
            EvidenceKind::Set => Kind::Sem,
            EvidenceKind::Queue => Kind::Msg,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Shm => "shm",
            Kind::Sem => "sem",
            Kind::Msg => "msg",
        })
    }
}

/// What tells an object from the others of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Id(i32),
    Key(Key),
}

/// An object as the user names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) kind: Kind,
    pub(crate) which: Which,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.which {
            Which::Id(id) => write!(f, "{}:{id}", self.kind),
            Which::Key(key) => write!(f, "{}:{key}", self.kind),
        }
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Name, String> {
        let wrong = || {
            format!(
                "invalid object {text:?}: expected is its kind and its identifier, such as shm:3, sem:0 or msg:5, or its kind and its key, such as \
                 shm:0x2a or shm:key=42"
            )
        };
        let (kind, which) = text.split_once(':').ok_or_else(wrong)?;
        let kind = match kind {
            "shm" | "m" | "segment" => Kind::Shm,
            "sem" | "s" | "set" => Kind::Sem,
            "msg" | "q" | "queue" => Kind::Msg,
            _ => return Err(wrong()),
        };
        let key = |text: &str| match text.parse() {
            Ok(Key::PRIVATE) => Err(
                "key 0 is IPC_PRIVATE, which no object can be found by; name the object by its identifier"
                    .to_owned(),
            ),
            Ok(key) => Ok(Which::Key(key)),
            Err(error) => Err(format!("invalid object {text:?}: {error}")),
        };
        let which = if let Some(text) = which.strip_prefix("key=") {
            key(text)?
        } else if which.starts_with("0x") || which.starts_with("0X") {
            key(which)?
        } else if which.bytes().all(|digit| digit.is_ascii_digit()) {
            Which::Id(which.parse().map_err(|_| wrong())?)
        } else {
            return Err(wrong());
        };
        Ok(Name { kind, which })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_by_identifier_or_key() {
        let id = |kind, id| Ok(Name { kind, which: Which::Id(id) });
        assert_eq!("shm:3".parse::<Name>(), id(Kind::Shm, 3));
        assert_eq!("q:0".parse::<Name>(), id(Kind::Msg, 0));
        for text in ["sem:0x2a", "set:key=42", "s:key=052"] {
            let name: Name = text.parse().unwrap();
            assert_eq!(name.which, Which::Key(Key::from_raw(42)), "{text}");
        }
        for text in [
            "",
            "3",
            "shm",
            "shm:",
            "shm:-1",
            "shm:x",
            "pipe:3",
            "shm:0x",
            "shm:0x0",
            "shm:key=0",
            "shm:99999999999",
        ] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }
}
