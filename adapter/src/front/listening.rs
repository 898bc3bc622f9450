//! A port of our own, with one queue of new connections for each worker.

#[cfg(feature = "tls")]
use std::sync::Arc;
use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::protection::Protection;
#[cfg(feature = "tls")]
use super::tls::Certificates;

/// Listeners on one address, one for each worker. Nobody else has the port.
#[derive(Debug)]
pub struct Listening {
    listeners: Vec<TcpListener>,
    address: SocketAddr,
    protection: Protection,
}

impl Listening {
    /// The kernel spreads new connections over the listeners (SO_REUSEPORT), which it would do for a second program,
    /// too. So the first listener takes the port for itself alone, and only when it has it are the others let in: a
    /// second program, whose own first listener asks for the port alone, is refused at every moment.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] if anybody has the port; else what the system says.
    pub fn bind(address: SocketAddr, workers: NonZeroUsize) -> io::Result<Self> {
        let first = socket(address)?;
        first.bind(&address.into())?;
        first.listen(BACKLOG)?;
        let first = TcpListener::from(first);
        let address = first.local_addr()?;
        let mut listeners = Vec::with_capacity(workers.get());
        if workers.get() > 1 {
            share(&first)?;
        }
        listeners.push(first);
        while listeners.len() < workers.get() {
            listeners.push(beside(&listeners, address)?);
        }
        Ok(Self { listeners, address, protection: Protection::None })
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// HTTPS, with the certificate that `certificates` hold at the time.
    #[cfg(feature = "tls")]
    pub fn encrypted(self, certificates: &Arc<Certificates>) -> Self {
        Self { protection: Protection::Tls(certificates.acceptor()), ..self }
    }

    pub(super) fn into_parts(self) -> (Vec<TcpListener>, Protection) {
        (self.listeners, self.protection)
    }
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A port whose last connections are still ending may be taken again at once.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(target_os = "linux")]
fn share(first: &TcpListener) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt::ReusePort};
    Ok(setsockopt(first, ReusePort, &true)?)
}

#[cfg(target_os = "linux")]
fn beside(_: &[TcpListener], address: SocketAddr) -> io::Result<TcpListener> {
    use nix::sys::socket::{setsockopt, sockopt::ReusePort};
    let socket = socket(address)?;
    setsockopt(&socket, ReusePort, &true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Elsewhere SO_REUSEPORT spreads nothing: the workers take turns at one queue.
#[cfg(not(target_os = "linux"))]
fn share(_: &TcpListener) -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn beside(listeners: &[TcpListener], _: SocketAddr) -> io::Result<TcpListener> {
    listeners[0].try_clone()
}

/// New connections that the kernel keeps for a worker; it cuts the number down to what it allows.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn any() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn workers(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    #[test]
    fn a_port_that_somebody_has_is_refused_whoever_comes_first() {
        for (first, second) in [(1, 1), (1, 4), (4, 1), (4, 4)] {
            let held = Listening::bind(any(), workers(first)).unwrap();
            let refused = Listening::bind(held.local_addr(), workers(second)).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AddrInUse, "{second} after {first}");
        }
        let held = TcpListener::bind(any()).unwrap();
        let refused = Listening::bind(held.local_addr().unwrap(), workers(2)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse, "another program's");
        let held = Listening::bind(any(), workers(2)).unwrap();
        assert!(TcpListener::bind(held.local_addr()).is_err(), "another program comes later");
    }

    /// Of many who ask for one port at the same time, one gets it.
    #[test]
    fn a_race_for_a_port_has_one_winner() {
        for _ in 0..20 {
            let address = TcpListener::bind(any()).unwrap().local_addr().unwrap();
            let winners: Vec<Listening> = std::thread::scope(|scope| {
                let racers: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| Listening::bind(address, workers(4)).ok())).collect();
                racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
            });
            assert!(winners.len() <= 1, "{} share it", winners.len());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn every_worker_gets_connections() {
        let listening = Listening::bind(any(), workers(2)).unwrap();
        let callers: Vec<_> = (0..64).map(|_| TcpStream::connect(listening.local_addr()).unwrap()).collect();
        let taken: Vec<usize> = listening
            .into_parts()
            .0
            .iter()
            .map(|listener| std::iter::from_fn(|| listener.accept().ok()).count())
            .collect();
        assert_eq!(taken.iter().sum::<usize>(), callers.len());
        assert!(taken.iter().all(|&taken| taken > 0), "{taken:?}");
    }
}
