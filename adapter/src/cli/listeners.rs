//! Ports: ours alone, or not at all.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;

use super::{Failure, terminal::say};

/// Listens on `address`. Never shared: another process on the port is an error, as is one that comes later.
///
/// # Errors
/// Names the flag by which to choose another port.
pub(super) async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    // Neither tokio nor std set SO_REUSEPORT, so the kernel gives the port to one process.
    TcpListener::bind(address).await.map_err(|cause| failure(address, flag, &cause))
}

/// Listens on `address`, and where that is 127.0.0.1 on [::1] too: `localhost` may mean either.
///
/// # Errors
/// Names the flag by which to choose another port.
pub(super) async fn bind_both(address: SocketAddr, flag: &str) -> Result<Vec<TcpListener>, Failure> {
    let first = bind(address, flag).await?;
    if address.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST) {
        return Ok(vec![first]);
    }
    let port = first.local_addr()?.port();
    let second = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    match TcpListener::bind(second).await {
        Ok(second) => Ok(vec![first, second]),
        Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => Err(failure(second, flag, &cause)),
        Err(cause) => {
            say(format_args!("note: nothing answers on {second}, as this machine has no IPv6 ({cause})"));
            Ok(vec![first])
        }
    }
}

/// Why `address` could not be listened on, and the flag by which to choose another.
pub(super) fn failure(address: SocketAddr, flag: &str, cause: &io::Error) -> Failure {
    let port = address.port();
    if cause.kind() == io::ErrorKind::AddrInUse {
        Failure::usage(format_args!("port {port} is taken; choose another with {flag}"))
    } else {
        Failure::usage(format_args!("cannot listen on {address}; choose another with {flag}")).because(cause)
    }
}

/// Lets this process open as many files as it ever may: each connection and each function takes descriptors; the usual soft limit of 1,024 is meant for `select`.
pub(super) fn allow_many_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(cause) = raised {
        say(format_args!("note: the limit on open files stays as it is ({cause})"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_refused_with_the_flag_to_change_it() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let held = bind_both(any, "--lambda-listen").await.unwrap();
        let taken = held[0].local_addr().unwrap();
        let refused = bind(taken, "--listen").await.unwrap_err();
        let expected = format!("port {} is taken; choose another with --listen", taken.port());
        assert_eq!((refused.to_string(), refused.exit), (expected, super::super::Exit::Usage));
        assert!(held.iter().all(|listener| listener.local_addr().unwrap().port() == taken.port()));
    }
}
