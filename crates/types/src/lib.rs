//! The words of the product (SPEC section 1): data without behaviour.
//!
//! What does not belong here: IO, tasks, policy. The only clock of the product is read through [`time::Clock`].

pub mod camera;
pub mod camera_url;
pub mod part;
pub mod secret;
pub mod span;
pub mod time;
pub mod unit;

pub use camera::{CameraId, StreamKind, Transport};
pub use camera_url::{CameraUrl, CameraUrlError, Credentials, Scheme};
pub use part::Part;
pub use secret::Secret;
pub use span::{Gap, GapReason, UtcRange};
pub use time::{Clock, Dts, Mono, Pts, SystemClock, Ticks, UtcMs};
pub use unit::{AccessUnit, AudioParameters, Codec, ParameterSets, Track, VideoParameters};
