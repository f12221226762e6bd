//! `auto`: a viewer who is shown the best of a camera's streams that his connection takes.
//!
//! ```text
//!             reports: what has reached the viewer         +--> Watch (shown) --units--+
//!                      |                                   |                           v
//!   socket --> [flight] --lag, capacity--> [choose] --wanted--> Watch (coming) --> [splice] --> messages --> sink
//! ```
//! Brains: [`ladder`] says which streams there are to choose from, [`flight`] what is under way to the viewer and how much
//! may be, [`rate`] how much a stream has, [`choose`] which stream he should have, [`splice`] when and with what times he goes over. Hands: [`serve`]. What does
//! not belong here: sockets, who may watch what.

pub mod choose;
pub mod flight;
pub mod ladder;
pub mod rate;
pub mod serve;
pub mod splice;

pub use choose::{Line, Start};
pub use ladder::Ladder;
pub use serve::{AutoViewer, Report, serve};
