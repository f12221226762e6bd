//! Where a viewer is.

use std::net::SocketAddr;

/// What carries his datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Over {
    Udp,
    /// Where UDP does not get through: each behind its length.
    Tcp,
}

/// His address, and over what he is reached there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) over: Over,
    pub(crate) address: SocketAddr,
}

/// Where viewers reach us: by UDP at the first, by TCP at the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ours {
    pub(crate) udp: SocketAddr,
    pub(crate) tcp: SocketAddr,
}
