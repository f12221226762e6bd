//! ONVIF as we need it: what a camera can turn, and turning it.
//!
//! A client of four services' few operations, in SOAP 1.2 over HTTP (ONVIF Core, Media, Media2 and PTZ Service
//! Specifications). Brains: [`xml`] (bytes to elements), [`envelope`] (requests), [`security`] (who asks), [`answers`] (what
//! a camera said), [`address`] (where it is asked). Hands: `http` (one request), [`device`] (a conversation).
//!
//! A camera is a stranger: what it says is limited in size and time, and no address in it leads us elsewhere. A password
//! goes out as a digest alone, never in the clear. What does not belong here: which camera is asked when (the hub), and for
//! how long it turns.

pub mod address;
pub mod answers;
pub mod device;
pub mod envelope;
mod error;
mod http;
pub mod security;
pub mod xml;

pub use address::Address;
pub use answers::{Fault, Preset};
pub use device::{Ability, Device, Ptz, Velocity};
pub use error::OnvifError;
pub use http::Client;
