//! Words: what a request names, `rtsp://host/garden/main/track1`, and the token that it carries.

/// A stream, a track of it if the URI goes that far, and the token if it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) camera: &'a str,
    pub(crate) stream: &'a str,
    /// Counted from 0.
    pub(crate) track: Option<usize>,
    token: Option<&'a str>,
}

/// The track's `a=control` in the description.
pub(crate) fn control(track: usize) -> String {
    format!("track{}", track + 1)
}

/// Reads a URI. Some clients hang the track's name behind the query.
pub(crate) fn locate(uri: &str) -> Option<Target<'_>> {
    let path = match uri.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => uri,
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (query, behind) = query.split_once('/').unwrap_or((query, ""));
    let mut parts = path.split('/').chain(behind.split('/')).filter(|part| !part.is_empty());
    let (camera, stream) = (parts.next()?, parts.next()?);
    let track = match parts.next() {
        None => None,
        Some(name) => Some((0..2).find(|track| control(*track) == name)?),
    };
    let token = query.split('&').find_map(|pair| pair.strip_prefix("token="));
    parts.next().is_none().then_some(Target { camera, stream, track, token })
}

impl Target<'_> {
    /// The token that stands in the URI.
    pub(crate) fn token(&self) -> Option<String> {
        self.token.map(str::to_owned)
    }

    /// Whether both name the same stream, or tracks of it.
    pub(crate) fn is_of(&self, other: Target<'_>) -> bool {
        (self.camera, self.stream) == (other.camera, other.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_a_stream_or_nothing() {
        let whole = Target { camera: "garden-2", stream: "sub", track: None, token: None };
        for uri in ["rtsp://h:1/garden-2/sub", "rtsp://h/garden-2/sub/", "/garden-2/sub"] {
            assert_eq!(locate(uri), Some(whole), "{uri}");
        }
        let sound = Target { track: Some(1), ..whole };
        for uri in ["rtsp://h/garden-2/sub/track2", "rtsp://h/garden-2/sub//track2"] {
            assert_eq!(locate(uri), Some(sound), "{uri}");
        }
        for uri in
            ["*", "rtsp://h", "rtsp://h/garden", "rtsp://h/garden/sub/track3", "/a/b/track1/x"]
        {
            assert_eq!(locate(uri), None, "{uri} names nothing");
        }
    }

    #[test]
    fn a_token_is_read_from_the_query_wherever_the_client_puts_the_track() {
        for uri in [
            "rtsp://h/garden/main?token=a.b.c",
            "rtsp://h/garden/main?x=1&token=a.b.c/track1",
            "rtsp://h/garden/main/track1?token=a.b.c&y=2",
        ] {
            assert_eq!(locate(uri).unwrap().token().as_deref(), Some("a.b.c"), "{uri}");
        }
        assert_eq!(locate("rtsp://h/garden/main").unwrap().token(), None);
    }
}
