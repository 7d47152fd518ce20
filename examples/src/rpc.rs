//! The messages between `rpc_server` and `rpc_client`: words with a zero byte between them.

/// The name under which the server listens.
pub const NAME: &str = "examples.rpc";
/// The answer to an unknown key.
pub const NO_SUCH_KEY: u32 = 1;
/// The answer to an unknown call.
pub const NO_SUCH_CALL: u32 = 2;

/// Something to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call<'a> {
    /// Keep this value under this key.
    Set(&'a str, &'a str),
    /// What is under this key?
    Get(&'a str),
    /// What is there at all?
    List,
    /// End.
    Stop,
}

impl<'a> Call<'a> {
    /// As it is sent.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Call::Set(key, value) => format!("set\0{key}\0{value}"),
            Call::Get(key) => format!("get\0{key}"),
            Call::List => "list".to_owned(),
            Call::Stop => "stop".to_owned(),
        }
        .into_bytes()
    }

    /// Parses a received message; `None` when it is no call.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        match text.split('\0').collect::<Vec<_>>()[..] {
            ["set", key, value] => Some(Call::Set(key, value)),
            ["get", key] => Some(Call::Get(key)),
            ["list"] => Some(Call::List),
            ["stop"] => Some(Call::Stop),
            _ => None,
        }
    }
}
