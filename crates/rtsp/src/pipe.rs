//! Hands: the bytes of a connection, with TLS or without.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, BytesMut};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What is encrypted and not taken yet is bounded, as the system's own buffer is.
const ENCRYPTED_BYTES: usize = 32 << 10;

/// Both ways of a connection.
pub(crate) enum Pipe {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Pipe {
    /// Agrees on keys with the client, if there is TLS.
    pub(crate) async fn open(
        stream: TcpStream,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        let Some(tls) = tls else { return Ok(Self::Plain(stream)) };
        let bounded = |session: &mut rustls::ServerConnection| {
            session.set_buffer_limit(Some(ENCRYPTED_BYTES));
        };
        let stream = TlsAcceptor::from(tls).accept_with(stream, bounded).await?;
        Ok(Self::Tls(Box::new(stream)))
    }

    /// Waits for more of the client, or until he has taken something of what waits for him. Nothing is lost if nobody
    /// waits on.
    pub(crate) async fn turn(
        &mut self,
        sent: Sent,
        incoming: &mut BytesMut,
        outgoing: &mut BytesMut,
    ) -> io::Result<Turn> {
        match sent {
            Sent::All => self.read_buf(incoming).await.map(Turn::Received),
            Sent::Waits => {
                std::future::poll_fn(|context| self.poll_send(context, outgoing)).await?;
                Ok(Turn::Taken)
            }
        }
    }

    /// Hands on what is taken without waiting.
    pub(crate) fn try_send(&mut self, outgoing: &mut BytesMut) -> io::Result<Sent> {
        let mut context = Context::from_waker(Waker::noop());
        // Once more, as the last bytes may be taken and the others go out behind them.
        loop {
            let before = outgoing.len();
            match self.poll_send(&mut context, outgoing) {
                Poll::Ready(done) => done?,
                Poll::Pending => return Ok(Sent::Waits),
            }
            if outgoing.is_empty() && before == 0 {
                return Ok(Sent::All);
            }
        }
    }

    /// Says that nothing more comes, if the client can still take that: without a word, the end of TLS looks like an attack.
    pub(crate) fn close(&mut self) {
        if let Self::Tls(stream) = self {
            let mut context = Context::from_waker(Waker::noop());
            let _ = Pin::new(stream).poll_shutdown(&mut context);
        }
    }

    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        outgoing: &mut BytesMut,
    ) -> Poll<io::Result<()>> {
        if outgoing.is_empty() {
            return Pin::new(self).poll_flush(context);
        }
        let taken = ready!(Pin::new(self).poll_write(context, outgoing))?;
        if taken == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        outgoing.advance(taken);
        Poll::Ready(Ok(()))
    }
}

/// What the client did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// He sent so many bytes; none are the end.
    Received(usize),
    /// He took something, or all that there was.
    Taken,
}

/// How far what was sent has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The system has it.
    All,
    /// The client has to take something first.
    Waits,
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
