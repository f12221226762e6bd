//! The present: each stream that somebody watches is taken from its recorder once and fanned out to all viewers.
//!
//! ```text
//! recorder --wire--> hub --[`Live`]--> Feed (one per stream) --> Viewer (one each) --> mse --> WebSocket
//! ```
//! [`feed`] and [`viewer`] are brains: which GOP a newcomer gets, what a slow viewer loses, when nobody needs the
//! stream any more. A rung ([`stream`]) is a stream like the camera's own: only who feeds it is another. [`fanout`] is the task that runs them, [`mse`] turns what a viewer gets into messages.
//! [`auto`] moves a viewer between a camera's streams.
//! What does not belong here: sockets, HTTP, the past. `live` never waits for a viewer, the index or a disk
//! (SPEC section 8).

pub mod auto;
pub mod fanout;
pub mod feed;
pub mod mse;
pub mod stream;
pub mod viewer;

pub use auto::Start;
pub use fanout::{Live, LiveInput, Watch, Wish};
pub use feed::LiveUnit;
pub use mse::{MseOut, MseSink};
pub use stream::{LiveStream, Rung};
pub use viewer::Tracks;
