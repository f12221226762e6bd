//! Hands: a connection whose other end must go on taking what is sent.
//!
//! Somebody who asks for a file and reads nothing of it would hold file, memory and connection for as long as he likes.
//! One who reads slowly reads on: what counts is that anything moves.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream of bytes with something that lives as long as it does.
pub(crate) struct Patient<S, T> {
    stream: S,
    _with: T,
    stalls_for: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S, T> Patient<S, T> {
    /// Gives the other end up when it takes nothing at all for `stalls_for`.
    pub(crate) const fn new(stream: S, with: T, stalls_for: Duration) -> Self {
        Self { stream, _with: with, stalls_for, stalled: None }
    }

    fn watch<R>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalls_for = self.stalls_for;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(stalls_for)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin, T: Unpin> AsyncRead for Patient<S, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin, T: Unpin> AsyncWrite for Patient<S, T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_reader_who_takes_nothing_is_given_up_and_a_slow_one_is_not() {
        const STALLS_FOR: Duration = Duration::from_secs(2);
        let (ours, mut theirs) = tokio::io::duplex(10);
        let mut patient = Patient::new(ours, (), STALLS_FOR);
        let begun = tokio::time::Instant::now();
        let slow = tokio::spawn(async move {
            let mut byte = [0];
            while begun.elapsed() < STALLS_FOR * 2 {
                tokio::time::sleep(STALLS_FOR / 100).await;
                theirs.read_exact(&mut byte).await.unwrap();
            }
            theirs
        });
        let error = loop {
            if let Err(error) = patient.write_all(&[7]).await {
                break error;
            }
        };
        assert!(slow.is_finished(), "who takes a little is waited for");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
