//! LL-HLS: a camera's live pictures, with their sound, as a playlist that grows (RFC 8216bis; SPEC section 8).
//!
//! ```text
//! tarsier_live::Watch --pictures, sound--> desk (one task a stream) --> broadcast [pace, cut, window] --> playlist, files
//! ```
//! Words: [`name`], [`sound`]. Brains: [`pace`] says how long parts and segments are, [`cut`] where they end, [`silence`] what is there
//! for sound that is not, [`window`] which are listed and kept, [`playlist`] how that reads, [`broadcast`] what a question is answered.
//! Hands: [`desk`]. What does not belong here: HTTP, rights, sentences for people.

pub mod broadcast;
mod cut;
pub mod desk;
pub mod name;
mod pace;
pub mod playlist;
#[cfg(test)]
mod rules;
mod silence;
mod sound;
mod window;

pub use broadcast::{Refusal, Reload};
pub use desk::{Answer, Hls};
pub use name::FileName;
pub use playlist::{Rendition, multivariant};
