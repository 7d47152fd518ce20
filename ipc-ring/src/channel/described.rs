//! An end's description of the layout of the channel's elements.

use ipc_describe::{Describe, Description, Problem};

use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Kind, MAX_DESCRIPTION};
use crate::message::Fingerprint;
use crate::region::Region;

/// The description that a builder was given.
#[derive(Clone, Debug)]
pub enum Described {
    /// The type of the elements.
    Element(Box<Description>),
    /// Those of the requests and the replies of a call.
    Call(Box<[Description; 2]>),
    /// Any text about frames.
    Frames(Box<str>),
    /// A type that has no description.
    Not(Problem),
}

impl Described {
    pub(super) fn of<T: Describe>() -> Self {
        Description::of::<T>().map_or_else(Self::Not, |description| Self::Element(Box::new(description)))
    }

    pub(super) fn of_call<Req: Describe, Rep: Describe>() -> Self {
        let both = || Ok([Description::of::<Req>()?, Description::of::<Rep>()?]);
        both().map_or_else(Self::Not, |both| Self::Call(Box::new(both)))
    }

    pub(super) fn of_frames(text: &str) -> Self {
        if text.len() > MAX_DESCRIPTION {
            return Self::Not(Problem::TextTooLong { length: text.len() });
        }
        Self::Frames(text.into())
    }

    /// The fingerprint of the type, or of the two of a call; `None` for frames.
    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Element(element) => Some(Fingerprint::described(element)),
            Self::Call(both) => Some(Fingerprint::of_call(both.each_ref().map(Fingerprint::described))),
            Self::Frames(_) | Self::Not(_) => None,
        }
    }

    /// The name of the type.
    pub(super) fn type_name(&self) -> Option<String> {
        match self {
            Self::Element(element) => Some(element.element().name().to_owned()),
            Self::Call(both) => {
                let [request, reply] = both.each_ref().map(|each| each.element().name());
                Some(format!("({request},{reply})"))
            }
            Self::Frames(_) | Self::Not(_) => None,
        }
    }

    /// The text for a new ring.
    ///
    /// # Errors
    /// [`Undescribable`](AttachErrorKind::Undescribable).
    pub(super) fn text(&self) -> Result<String, AttachError> {
        match self {
            Self::Element(element) => Ok(element.text()),
            Self::Call(both) => Ok(format!("{}\n{}", both[0].text(), both[1].text())),
            Self::Frames(text) => Ok(text.clone().into()),
            Self::Not(problem) => Err(AttachErrorKind::Undescribable { problem: problem.clone() }.into()),
        }
    }

    /// Compares with the description of the ring in this memory, whose header was read as one of this kind. A
    /// ring without a description is accepted like one with the same.
    ///
    /// # Errors
    /// [`Fields`](AttachErrorKind::Fields); [`Description`](AttachErrorKind::Description);
    /// [`InvalidDescription`](AttachErrorKind::InvalidDescription);
    /// [`Undescribable`](AttachErrorKind::Undescribable).
    pub(super) fn compare(&self, region: &Region, kind: Kind) -> Result<(), AttachError> {
        let text = self.text()?;
        let header = layout::read(region, kind)?;
        let Some(found) = header.description(region)?.filter(|found| *found != text) else { return Ok(()) };
        let theirs = header.element().parse(&found)?;
        let ours: &[Description] = match self {
            Self::Element(element) => std::slice::from_ref(element),
            Self::Call(both) => &both[..],
            Self::Frames(_) | Self::Not(_) => &[],
        };
        match theirs.iter().zip(ours).find_map(|(found, expected)| found.difference(expected)) {
            Some(difference) => Err(AttachErrorKind::Fields { difference }.into()),
            None => Err(other_line(&found, &text)),
        }
    }
}

/// The first difference between two texts.
fn other_line(found: &str, expected: &str) -> AttachError {
    let (mut theirs, mut ours) = (found.lines(), expected.lines());
    let mut line = 1;
    loop {
        match (theirs.next(), ours.next()) {
            (None, None) => break, // In the line endings.
            (found, expected) if found != expected => {
                let [found, expected] = [found, expected].map(|line| line.map(str::to_owned));
                return AttachErrorKind::Description { line, found, expected }.into();
            }
            _ => line += 1,
        }
    }
    AttachErrorKind::Description { line, found: Some(String::new()), expected: None }.into()
}
