//! Playback through its public face: rows to playlists, and a real index over real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod past;
mod playlist;
mod support;
