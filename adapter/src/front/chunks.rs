//! `chunked`, followed byte by byte (RFC 9112 7.1), strictly: what two readers could read differently is wrong.

/// Where in a chunked body we are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Chunks {
    at: At,
    /// Bytes of the present chunk; while its data comes, those that are still to come.
    size: u64,
    /// Bytes of the present line, or of the trailer section.
    line: usize,
}

/// How far a piece of a body is right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Followed {
    /// All of it, and more is to come.
    All,
    /// The body ends after so many bytes.
    End(usize),
    /// What comes after so many bytes is wrong.
    Wrong(usize),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum At {
    Size,
    Extension,
    SizeFeed,
    Data,
    DataReturn,
    DataFeed,
    /// The first byte of a trailer line, or of the empty line at the end.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerFeed,
    EndFeed,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { at: At::Size, size: 0, line: 0 }
    }

    pub(super) fn follow(&mut self, bytes: &[u8]) -> Followed {
        let mut index = 0;
        while index < bytes.len() {
            if self.at == At::Data {
                let rest = (bytes.len() - index) as u64;
                let taken = self.size.min(rest);
                self.size -= taken;
                // At most what is there.
                index += usize::try_from(taken).unwrap_or(bytes.len() - index);
                if self.size == 0 {
                    self.at = At::DataReturn;
                }
                continue;
            }
            match self.step(bytes[index]) {
                Some(Step::On) => index += 1,
                Some(Step::End) => return Followed::End(index + 1),
                None => return Followed::Wrong(index),
            }
        }
        Followed::All
    }

    fn step(&mut self, byte: u8) -> Option<Step> {
        let visible = byte == b'\t' || (b' '..0x7f).contains(&byte);
        self.at = match (self.at, byte) {
            (At::Size, b'\r') if self.line > 0 => At::SizeFeed,
            (At::Size, b';') if self.line > 0 => At::Extension,
            (At::Size, _) if self.line < MAX_SIZE_DIGITS => {
                let digit = char::from(byte).to_digit(16)?;
                self.line += 1;
                self.size = self.size << 4 | u64::from(digit);
                At::Size
            }
            (At::Extension, b'\r') => At::SizeFeed,
            (At::Extension, _) if visible && self.line < MAX_SIZE_LINE_BYTES => {
                self.line += 1;
                At::Extension
            }
            (At::SizeFeed, b'\n') => {
                self.line = 0;
                if self.size == 0 { At::Trailer } else { At::Data }
            }
            (At::DataReturn, b'\r') => At::DataFeed,
            (At::DataFeed, b'\n') => At::Size,
            (At::Trailer, b'\r') => At::EndFeed,
            (At::Trailer, _) if super::octets::is_token(&[byte]) => self.trailer(At::TrailerName)?,
            (At::TrailerName, b':') => self.trailer(At::TrailerValue)?,
            (At::TrailerName, _) if super::octets::is_token(&[byte]) => self.trailer(At::TrailerName)?,
            (At::TrailerValue, b'\r') => At::TrailerFeed,
            (At::TrailerValue, _) if visible => self.trailer(At::TrailerValue)?,
            (At::TrailerFeed, b'\n') => At::Trailer,
            (At::EndFeed, b'\n') => return Some(Step::End),
            (
                At::Size
                | At::Extension
                | At::SizeFeed
                | At::Data
                | At::DataReturn
                | At::DataFeed
                | At::Trailer
                | At::TrailerName
                | At::TrailerValue
                | At::TrailerFeed
                | At::EndFeed,
                _,
            ) => return None,
        };
        Some(Step::On)
    }

    fn trailer(&mut self, next: At) -> Option<At> {
        self.line += 1;
        (self.line <= MAX_TRAILER_BYTES).then_some(next)
    }
}

enum Step {
    On,
    End,
}

/// 64 bits.
const MAX_SIZE_DIGITS: usize = 16;

/// A chunk's size and its extensions, which mean nothing to us; hyper allows 16 KiB of them in a body.
const MAX_SIZE_LINE_BYTES: usize = 256;

/// All trailer fields together, line ends not counted.
const MAX_TRAILER_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Followed) {
        assert_eq!(Chunks::new().follow(body.as_bytes()), expected, "{body:?}");
        // However it is cut.
        let mut chunks = Chunks::new();
        let mut followed = Followed::All;
        for (index, byte) in body.bytes().enumerate() {
            followed = match chunks.follow(&[byte]) {
                Followed::All => continue,
                Followed::End(used) => Followed::End(index + used),
                Followed::Wrong(used) => Followed::Wrong(index + used),
            };
            break;
        }
        assert_eq!(followed, expected, "{body:?} byte by byte");
    }

    #[test]
    fn chunks_end_with_an_empty_one() {
        check("5\r\nhello\r\n0\r\n\r\n", Followed::End(15));
        check("5\r\nhello\r\n0\r\n\r\nGET /", Followed::End(15));
        check("A\r\n0123456789\r\n00\r\n\r\n", Followed::End(21));
        check("5;name=value;other=\"a b\"\r\nhello\r\n0\r\n\r\n", Followed::End(38));
        check("0\r\nChecksum: abc\r\nOther:\r\n\r\n", Followed::End(28));
        check("5\r\nhel", Followed::All);
        check("", Followed::All);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_wrong() {
        check("5\nhello", Followed::Wrong(1));
        check(" 5\r\n", Followed::Wrong(0));
        check("5 \r\n", Followed::Wrong(1));
        check("0x5\r\n", Followed::Wrong(1));
        check("+5\r\n", Followed::Wrong(0));
        check("\r\n", Followed::Wrong(0));
        check(";a\r\n", Followed::Wrong(0));
        check("00000000000000005\r\n", Followed::Wrong(16));
        check("5;a\nhello", Followed::Wrong(3));
        check("5;a\rb", Followed::Wrong(4));
        check("5\r\nhello0\r\n", Followed::Wrong(8));
        check("5\r\nhello\n", Followed::Wrong(8));
        check("0\r\n\n", Followed::Wrong(3));
        check("0\r\n: x\r\n", Followed::Wrong(3));
        check("0\r\nna me: x\r\n", Followed::Wrong(5));
        check("0\r\nname: x\n", Followed::Wrong(10));
    }

    #[test]
    fn extensions_and_trailers_have_an_end() {
        let long = format!("5;{}", "x".repeat(300));
        assert!(matches!(Chunks::new().follow(long.as_bytes()), Followed::Wrong(_)));
        let long = format!("0\r\n{}", "name: value\r\n".repeat(1000));
        assert!(matches!(Chunks::new().follow(long.as_bytes()), Followed::Wrong(_)));
    }
}
