//! What exists: cameras, segments, gaps, events, settings, in SQLite (SPEC section 7).
//!
//! The only place of the product that writes SQL, and the only one that knows the schema in `migrations/`.
//! [`Index`] is a handle that is cloned freely; its calls block (a read takes microseconds to milliseconds, a
//! write waits for the writes before it), so asynchronous callers make them on a thread that may block.
//!
//! Losing the index loses no footage: [`rebuild`] finds every segment again by looking at the files.
//!
//! What does not belong here: deciding what is deleted or moved (`tiers`), drawing a timeline or a playlist
//! (`playback`), encrypting secrets (the hub; here they are opaque bytes), media bytes.

mod error;
mod index;
mod open;
mod pool;

mod account;
mod alerts;
mod cameras;
mod connections;
mod events;
mod explain;
mod files;
mod found;
mod gaps;
mod garbage;
mod history;
mod ledger;
mod locks;
mod parameters;
mod parts;
mod rebuild;
mod segments;
mod settings;
mod spans;
mod stream_ids;
mod stretch;
mod tiers;
mod totals;

pub use account::{Footage, Ledger, SEAM_MS, Tally, account, is_fault};
pub use alerts::AlertRow;
pub use cameras::{CameraRow, FormerCamera, PutCameraError, SecretChange};
pub use connections::ConnectionRow;
pub use error::IndexError;
pub use events::EventRow;
pub use explain::{explain, fill};
pub use files::{FileLook, FileName, FileRow, WhichFiles};
pub use garbage::{Condemned, Garbage, SegmentRef};
pub use history::DayWritten;
pub use index::Index;
pub use ledger::LedgerNow;
pub use locks::Lock;
pub use open::{OpenIndexError, SetAsideError, set_aside};
pub use parts::{LONGEST_PART, SHORTEST_PART, group};
pub use rebuild::{
    MOST_NAMED, OpenSegments, Reach, ReadSegmentError, ReconcileError, ReconcileReport,
};
pub use segments::{Integrity, NewSegment, SegmentRow, SegmentState};
pub use spans::Span;
pub use stretch::{JOIN_MS, LONGEST_CONTINUATION_MS};
pub use tiers::{Tier, TierKind, TierSetup};
pub use totals::{Holding, Locked, Total};
