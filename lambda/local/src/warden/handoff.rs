//! How an environment's two ends reach the warden: file descriptors over the control socket, one byte a pair.

use std::{
    io::{self, IoSlice, IoSliceMut},
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
};

use nix::{
    cmsg_space,
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg},
};

/// What a new keeper holds.
pub(super) struct Handoff {
    pub(super) leash: UnixStream,
    pub(super) output: OwnedFd,
}

/// Whole or not at all: one byte is one message, so that senders need not take turns.
pub(super) fn send(control: impl AsFd, leash: impl AsFd, output: impl AsFd) -> io::Result<()> {
    let fds = [leash.as_fd().as_raw_fd(), output.as_fd().as_raw_fd()];
    let ends = [ControlMessage::ScmRights(&fds)];
    let bytes = [IoSlice::new(&[0])];
    sendmsg::<()>(control.as_fd().as_raw_fd(), &bytes, &ends, MsgFlags::empty(), None)?;
    Ok(())
}

/// Takes the next pair. `None`: the service is gone.
///
/// # Errors
/// `EAGAIN`: nobody asks. `ENOBUFS`: a message without its pair, as when this process may open no more files; the next may be whole.
pub(super) fn receive(control: impl AsFd) -> Result<Option<Handoff>, Errno> {
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut space = cmsg_space!([RawFd; 2]);
    let message = loop {
        match recvmsg::<()>(control.as_fd().as_raw_fd(), &mut bytes, Some(&mut space), RECEIVE) {
            Err(Errno::EINTR) => {}
            received => break received?,
        }
    };
    if message.bytes == 0 {
        return Ok(None);
    }
    let mut ends = message.cmsgs()?.flat_map(owned);
    let (Some(leash), Some(output)) = (ends.next(), ends.next()) else {
        return Err(Errno::ENOBUFS);
    };
    for end in [&leash, &output] {
        // Only here for Unixes without MSG_CMSG_CLOEXEC.
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    Ok(Some(Handoff { leash: leash.into(), output }))
}

#[expect(unsafe_code, reason = "a received descriptor is a bare number")]
fn owned(message: ControlMessageOwned) -> Vec<OwnedFd> {
    let ControlMessageOwned::ScmRights(fds) = message else {
        return Vec::new();
    };
    // SAFETY: the kernel opened these for this message, which is read once; nothing else knows their numbers.
    fds.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect()
}

#[cfg(target_os = "linux")]
const RECEIVE: MsgFlags = MsgFlags::MSG_DONTWAIT.union(MsgFlags::MSG_CMSG_CLOEXEC);
#[cfg(not(target_os = "linux"))]
const RECEIVE: MsgFlags = MsgFlags::MSG_DONTWAIT;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write, pipe};

    use super::*;

    #[test]
    fn each_message_brings_its_own_pair() {
        let (service, warden) = UnixStream::pair().unwrap();
        let (_, output) = pipe().unwrap();
        let mut leashes = Vec::new();
        for name in [b'a', b'b'] {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            ours.write_all(&[name]).unwrap();
            send(&service, &theirs, &output).unwrap();
            leashes.push(ours);
        }
        for name in [b'a', b'b'] {
            let mut read = [0];
            receive(&warden).unwrap().unwrap().leash.read_exact(&mut read).unwrap();
            assert_eq!(read, [name]);
        }
    }

    #[test]
    fn the_end_of_the_service_is_the_end_of_the_handoffs() {
        let (service, warden) = UnixStream::pair().unwrap();
        assert_eq!(receive(&warden).map(drop), Err(Errno::EAGAIN));
        drop(service);
        assert!(receive(&warden).unwrap().is_none());
    }

    #[test]
    fn a_message_without_descriptors_is_refused_and_the_next_is_taken() {
        let (mut service, warden) = UnixStream::pair().unwrap();
        service.write_all(&[0]).unwrap();
        let (_ours, theirs) = UnixStream::pair().unwrap();
        let (_, output) = pipe().unwrap();
        send(&service, &theirs, &output).unwrap();
        assert_eq!(receive(&warden).map(drop), Err(Errno::ENOBUFS));
        assert!(receive(&warden).unwrap().is_some());
    }
}
