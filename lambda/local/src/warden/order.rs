//! What the service orders of a keeper, over the leash: which program to start, and how.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

/// Shape: the length of all that follows, then program, directory, the number of arguments and each of them, the
/// number of variables and each one's name and value. Numbers are `u32`, little-endian; a text is its length and
/// its bytes.
#[derive(Eq, PartialEq)]
#[cfg_attr(test, derive(Clone, Debug))]
pub(super) struct Order {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) directory: PathBuf,
    pub(super) environment: Vec<(OsString, OsString)>,
}

impl Order {
    /// # Errors
    /// `InvalidInput`: over [`LIMIT_BYTES`].
    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; LEN_BYTES];
        put_text(&mut bytes, self.program.as_os_str())?;
        put_text(&mut bytes, self.directory.as_os_str())?;
        put_number(&mut bytes, self.args.len())?;
        for argument in &self.args {
            put_text(&mut bytes, argument)?;
        }
        put_number(&mut bytes, self.environment.len())?;
        for (name, value) in &self.environment {
            put_text(&mut bytes, name)?;
            put_text(&mut bytes, value)?;
        }
        let len = u32::try_from(bytes.len() - LEN_BYTES).map_err(|_| too_large())?;
        bytes[..LEN_BYTES].copy_from_slice(&len.to_le_bytes());
        Ok(bytes)
    }

    /// # Errors
    /// `UnexpectedEof`: the service let go of the leash. `InvalidData`: not an order.
    pub(super) fn read(mut from: impl Read) -> io::Result<Self> {
        let mut len = [0; LEN_BYTES];
        from.read_exact(&mut len)?;
        let len = u32::from_le_bytes(len) as usize;
        if len > LIMIT_BYTES {
            return Err(too_large());
        }
        let mut bytes = vec![0; len];
        from.read_exact(&mut bytes)?;
        decode(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

fn decode(mut bytes: &[u8]) -> Option<Order> {
    let from = &mut bytes;
    let program = take_text(from)?.into();
    let directory = take_text(from)?.into();
    let args = (0..take_number(from)?).map(|_| take_text(from)).collect::<Option<_>>()?;
    let environment =
        (0..take_number(from)?).map(|_| Some((take_text(from)?, take_text(from)?))).collect::<Option<_>>()?;
    from.is_empty().then_some(Order { program, args, directory, environment })
}

fn put_text(bytes: &mut Vec<u8>, text: &OsStr) -> io::Result<()> {
    if bytes.len() + text.len() > LIMIT_BYTES {
        return Err(too_large());
    }
    put_number(bytes, text.len())?;
    bytes.extend_from_slice(text.as_bytes());
    Ok(())
}

fn put_number(bytes: &mut Vec<u8>, number: usize) -> io::Result<()> {
    let number = u32::try_from(number).map_err(|_| too_large())?;
    bytes.extend_from_slice(&number.to_le_bytes());
    Ok(())
}

fn take_text(from: &mut &[u8]) -> Option<OsString> {
    let len = take_number(from)? as usize;
    let (text, rest) = from.split_at_checked(len)?;
    *from = rest;
    Some(OsString::from_vec(text.to_vec()))
}

fn take_number(from: &mut &[u8]) -> Option<u32> {
    let (number, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u32::from_le_bytes(*number))
}

fn too_large() -> io::Error {
    let message = format!("arguments and environment are over the limit of {LIMIT_BYTES} bytes");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

const LEN_BYTES: usize = size_of::<u32>();

/// Our choice. Linux itself allows a quarter of the stack limit for arguments and environment, by default 2 MiB,
/// and 128 KiB for each (execve(2)); AWS allows 4 KB for a function's own variables.
const LIMIT_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn text() -> impl Strategy<Value = OsString> {
        vec(any::<u8>(), 0..20).prop_map(OsString::from_vec)
    }

    fn order() -> impl Strategy<Value = Order> {
        (text(), vec(text(), 0..5), text(), vec((text(), text()), 0..5)).prop_map(
            |(program, args, directory, environment)| Order {
                program: program.into(),
                args,
                directory: directory.into(),
                environment,
            },
        )
    }

    fn sized(len: usize) -> Order {
        Order {
            program: "p".into(),
            args: vec![OsString::from_vec(vec![b'a'; len])],
            directory: "/".into(),
            environment: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(order in order()) {
            let bytes = order.encode().unwrap();
            prop_assert!(Order::read(bytes.as_slice()).unwrap() == order);
        }

        #[test]
        fn an_order_cut_short_is_the_end_of_the_leash(order in order(), at: prop::sample::Index) {
            let bytes = order.encode().unwrap();
            let cut = &bytes[..at.index(bytes.len())];
            let error = Order::read(cut).map(drop).unwrap_err();
            prop_assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }

        #[test]
        fn any_bytes_are_an_order_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let _ = Order::read(bytes.as_slice());
        }
    }

    #[test]
    fn an_order_over_the_limit_is_refused_by_both_sides() {
        assert!(sized(LIMIT_BYTES - 100).encode().is_ok());
        let error = sized(LIMIT_BYTES).encode().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let error = Order::read([0xff; 8].as_slice()).map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
