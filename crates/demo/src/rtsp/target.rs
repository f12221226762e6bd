//! What a request's URI names: `rtsp://host/cam3/main/track1`.

use tarsier_types::StreamKind;

use crate::playout::FilmTrack;

/// A stream, and a track of it if the URI goes that far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) camera: u16,
    pub(super) stream: StreamKind,
    pub(super) track: Option<FilmTrack>,
}

/// Reads a URI. A query is passed over; some clients hang the track's name behind it.
pub(super) fn locate(uri: &str) -> Option<Target> {
    let path = match uri.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => uri,
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let behind_query = query.rsplit_once('/').map(|(_, last)| last);
    let mut parts = path.split('/').chain(behind_query).filter(|part| !part.is_empty());
    let camera = parts.next()?.strip_prefix("cam")?;
    let camera = camera.parse().ok().filter(|_| !camera.starts_with(['0', '+']))?;
    let stream = StreamKind::from_name(parts.next()?)?;
    let track = match parts.next() {
        None => None,
        Some(name) => Some(
            [FilmTrack::Video, FilmTrack::Audio]
                .into_iter()
                .find(|track| track.control() == name)?,
        ),
    };
    parts.next().is_none().then_some(Target { camera, stream, track })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_a_stream_or_nothing() {
        let whole = Target { camera: 12, stream: StreamKind::Sub, track: None };
        let sound = Target { track: Some(FilmTrack::Audio), ..whole };
        for uri in
            ["rtsp://h:1/cam12/sub", "rtsp://h/cam12/sub/", "rtsp://h/cam12/sub?x=1", "/cam12/sub"]
        {
            assert_eq!(locate(uri), Some(whole), "{uri}");
        }
        for uri in [
            "rtsp://h/cam12/sub/track2",
            "rtsp://h/cam12/sub?a=b/track2",
            "rtsp://h/cam12/sub//track2",
        ] {
            assert_eq!(locate(uri), Some(sound), "{uri}");
        }
        for uri in [
            "*",
            "rtsp://h",
            "rtsp://h/cam/sub",
            "rtsp://h/cam01/sub",
            "rtsp://h/cam1/third",
            "rtsp://h/cam1",
            "rtsp://h/cam1/sub/track3",
            "rtsp://h/cam1/sub/track1/x",
            "rtsp://h/cam99999/sub",
            "rtsp://h/cam+1/sub",
        ] {
            assert_eq!(locate(uri), None, "{uri} names nothing");
        }
    }
}
