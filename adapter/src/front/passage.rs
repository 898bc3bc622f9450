//! What may pass of the bytes that a caller sends: the state of the border between a socket and HTTP.

use super::{
    chunks::{Chunks, Followed},
    head::{self, Framing, Scan},
    refusal::Refusal,
};

/// What is expected next on a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Passage(Expecting);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expecting {
    Head,
    /// More than none.
    Body(u64),
    Chunks(Chunks),
    /// Something was wrong; nothing passes any more.
    Nothing,
}

/// A judgement on some bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Judged {
    /// So many of them may pass.
    pub pass: usize,
    /// Whole heads among those.
    pub heads: u32,
    /// What is to be done with the rest of them.
    pub rest: Rest,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rest {
    /// There is none.
    None,
    /// The beginning of a head; to be shown again with what follows it.
    Hold,
    /// A head that is refused.
    Refuse(Refusal),
    /// The body goes wrong here.
    Break,
}

impl Passage {
    pub fn new() -> Self {
        Self(Expecting::Head)
    }

    /// Between two requests?
    pub fn is_between(self) -> bool {
        self.0 == Expecting::Head
    }

    pub fn judge(&mut self, bytes: &[u8]) -> Judged {
        let (mut pass, mut heads) = (0, 0);
        while pass < bytes.len() {
            let rest = &bytes[pass..];
            match &mut self.0 {
                Expecting::Head => match head::scan(rest) {
                    Scan::Whole { len, framing } => {
                        pass += len;
                        heads += 1;
                        self.0 = match framing {
                            Framing::Length(0) => Expecting::Head,
                            Framing::Length(length) => Expecting::Body(length),
                            Framing::Chunked => Expecting::Chunks(Chunks::new()),
                        };
                    }
                    Scan::Partial => return Judged { pass, heads, rest: Rest::Hold },
                    Scan::Refused(refusal) => {
                        self.0 = Expecting::Nothing;
                        return Judged { pass, heads, rest: Rest::Refuse(refusal) };
                    }
                },
                Expecting::Body(left) => {
                    let there = rest.len() as u64;
                    if there < *left {
                        *left -= there;
                        pass = bytes.len();
                    } else {
                        // No more than what is there.
                        pass += usize::try_from(*left).unwrap_or(rest.len());
                        self.0 = Expecting::Head;
                    }
                }
                Expecting::Chunks(chunks) => match chunks.follow(rest) {
                    Followed::All => pass = bytes.len(),
                    Followed::End(used) => {
                        pass += used;
                        self.0 = Expecting::Head;
                    }
                    Followed::Wrong(used) => {
                        pass += used;
                        self.0 = Expecting::Nothing;
                        return Judged { pass, heads, rest: Rest::Break };
                    }
                },
                Expecting::Nothing => return Judged { pass, heads, rest: Rest::Break },
            }
        }
        Judged { pass, heads, rest: Rest::None }
    }
}

impl Default for Passage {
    fn default() -> Self {
        Self::new()
    }
}
