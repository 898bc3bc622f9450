//! What a keeper tells the service, over the leash: one or two records of a fixed length.

use super::Exit;

/// Bytes: which report, then its number, little-endian.
pub(super) const LEN: usize = 5;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Report {
    Started { pid: i32 },
    Ended(Exit),
}

impl Report {
    pub(super) fn encode(self) -> [u8; LEN] {
        let (kind, number) = match self {
            Self::Started { pid } => (STARTED, pid),
            Self::Ended(Exit::Code(code)) => (CODE, code),
            Self::Ended(Exit::Signal(signal)) => (SIGNAL, signal),
            Self::Ended(Exit::NotStarted(errno)) => (NOT_STARTED, errno),
        };
        let [a, b, c, d] = number.to_le_bytes();
        [kind, a, b, c, d]
    }

    /// `None`: not a report.
    pub(super) fn decode([kind, a, b, c, d]: [u8; LEN]) -> Option<Self> {
        let number = i32::from_le_bytes([a, b, c, d]);
        match kind {
            STARTED => Some(Self::Started { pid: number }),
            CODE => Some(Self::Ended(Exit::Code(number))),
            SIGNAL => Some(Self::Ended(Exit::Signal(number))),
            NOT_STARTED => Some(Self::Ended(Exit::NotStarted(number))),
            _ => None,
        }
    }
}

const STARTED: u8 = b'+';
const CODE: u8 = b'c';
const SIGNAL: u8 = b's';
const NOT_STARTED: u8 = b'!';

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(number: i32) {
            let ends = [Exit::Code(number), Exit::Signal(number), Exit::NotStarted(number)];
            for report in ends.map(Report::Ended).into_iter().chain([Report::Started { pid: number }]) {
                prop_assert_eq!(Report::decode(report.encode()), Some(report));
            }
        }

        #[test]
        fn any_bytes_are_a_report_or_none(bytes: [u8; LEN]) {
            if let Some(report) = Report::decode(bytes) {
                prop_assert_eq!(report.encode(), bytes);
            }
        }
    }
}
