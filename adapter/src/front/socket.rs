//! What the front asks of a socket besides bytes.

use std::{mem::MaybeUninit, time::Duration};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin {
    /// Has the caller sent something that is still in the kernel? Asked of the kernel itself: until the runtime has been
    /// told of it, reading says that there is nothing.
    fn has_unread(&self) -> bool;

    /// Once it is closed, it is reset instead of being ended in order.
    fn reset_at_close(&self);
}

impl Socket for TcpStream {
    fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        SockRef::from(self).peek(&mut byte).is_ok_and(|read| read > 0)
    }

    fn reset_at_close(&self) {
        // A socket that refuses has been reset by the other side.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

#[cfg(feature = "tls")]
impl Socket for tokio_rustls::server::TlsStream<TcpStream> {
    fn has_unread(&self) -> bool {
        self.get_ref().0.has_unread()
    }

    fn reset_at_close(&self) {
        self.get_ref().0.reset_at_close();
    }
}
