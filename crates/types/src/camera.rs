//! What names a camera and its streams.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A camera's short name in files, URLs and the database: 1 to 32 of `a-z 0-9 -`, no leading `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CameraId(String);

/// The text is no camera id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("camera id {text:?} is not 1 to 32 of a-z, 0-9 and '-' starting with a letter or digit")]
pub struct CameraIdError {
    /// What was given.
    pub text: String,
}

impl CameraId {
    /// The id of that text; ids become file names, so nothing else is let through.
    pub fn new(text: impl Into<String>) -> Result<Self, CameraIdError> {
        let text = text.into();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > 32 || text.starts_with('-') || !text.bytes().all(plain) {
            return Err(CameraIdError { text });
        }
        Ok(Self(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CameraId {
    type Err = CameraIdError;
    fn from_str(text: &str) -> Result<Self, CameraIdError> {
        Self::new(text)
    }
}

impl TryFrom<String> for CameraId {
    type Error = CameraIdError;
    fn try_from(text: String) -> Result<Self, CameraIdError> {
        Self::new(text)
    }
}

impl From<CameraId> for String {
    fn from(id: CameraId) -> Self {
        id.0
    }
}

/// Which of a camera's two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// Full quality, recorded.
    Main,
    /// Small, for live grids.
    Sub,
}

impl StreamKind {
    /// Both, main first.
    pub const ALL: [Self; 2] = [Self::Main, Self::Sub];

    /// The name in paths and URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Sub => "sub",
        }
    }

    /// The stream of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for StreamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How RTP travels from the camera (RFC 2326 section 10.12, or its own UDP ports).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Interleaved in the RTSP connection: nothing is lost on the way. The default.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_leave_its_folder_is_refused() {
        for bad in ["", "..", "a/b", "A", "-x", "a b", "a\0", &"x".repeat(33)] {
            assert!(CameraId::new(bad).is_err(), "{bad:?} must not become a folder name");
        }
        assert_eq!(CameraId::new("garden-2").unwrap().as_str(), "garden-2");
    }
}
