//! The films that come with the program. `samples/README.md` says what is in them, `samples/make.py` draws them.

/// A driveway at dusk, 1280x720.
pub(crate) const DRIVEWAY_MAIN: &[u8] = include_bytes!("../samples/driveway-main.mp4");
/// The same, 640x360.
pub(crate) const DRIVEWAY_SUB: &[u8] = include_bytes!("../samples/driveway-sub.mp4");
/// A garden in the morning, 1280x720.
pub(crate) const GARDEN_MAIN: &[u8] = include_bytes!("../samples/garden-main.mp4");
/// The same, 640x360.
pub(crate) const GARDEN_SUB: &[u8] = include_bytes!("../samples/garden-sub.mp4");
/// H.265 and G.711 mu-law, 320x180, for tests.
#[cfg(test)]
pub(crate) const TINY_HEVC_MULAW: &[u8] = include_bytes!("../samples/tiny-hevc-mulaw.mov");
/// H.264 with B-frames and no sound, 320x180, for tests.
#[cfg(test)]
pub(crate) const TINY_H264_B: &[u8] = include_bytes!("../samples/tiny-h264-b.mp4");
/// AV1 and AAC, 320x180, for tests.
#[cfg(test)]
pub(crate) const TINY_AV1_AAC: &[u8] = include_bytes!("../samples/tiny-av1-aac.mp4");
