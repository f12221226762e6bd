//! RTSP: whom the hub lets in, and what the others are told.

use tarsier_rtsp::{Door, Refused, Why};

use super::*;
use crate::rtsp::HubDoor;

#[tokio::test]
async fn a_token_opens_by_rtsp_what_it_opens_by_http() {
    let running = start().await;
    running.add("Garden").await;
    running.add("Gate").await;
    let door = HubDoor::new(&running.hub);
    let issue = |cameras: Option<&str>, seconds| {
        let cameras = cameras.map(|camera| vec![camera.to_owned()]);
        let grant = Grant { role: Role::Viewer, cameras, ..Grant::everything("test") };
        running.hub.sessions.issue(grant, Duration::from_secs(seconds)).0
    };
    let (all, gate, expired) = (issue(None, 60), issue(Some("gate"), 60), issue(None, 0));
    let why = |token: &str, camera: &str, stream: &str| {
        door.admit(token, camera, stream).err().map(|Refused { why, words }| (why, words))
    };
    for stream in ["main", "sub"] {
        assert_eq!(why(all.as_str(), "garden", stream), None, "{stream}");
        assert_eq!(why(gate.as_str(), "gate", stream), None, "{stream}");
    }
    for (token, camera, stream, expected, said) in [
        ("", "garden", "main", Why::Unauthorized, "A token is needed."),
        ("a.b.c", "garden", "main", Why::Unauthorized, "not of this Tarsier"),
        (expired.as_str(), "garden", "main", Why::Unauthorized, "has expired"),
        (gate.as_str(), "garden", "main", Why::Forbidden, "for other cameras"),
        (gate.as_str(), "nobody", "main", Why::Forbidden, "for other cameras"),
        (all.as_str(), "nobody", "main", Why::NotFound, "nobody"),
        (all.as_str(), "garden", "third", Why::NotFound, "no stream"),
    ] {
        let Some((why, words)) = why(token, camera, stream) else {
            panic!("{camera}/{stream} is open to {token:?}")
        };
        assert_eq!(why, expected, "{camera}/{stream} with {token:?}");
        assert!(words.contains(said), "{words}");
    }
    assert!(door.words(None).contains("no pictures"), "{}", door.words(None));
}

#[tokio::test]
async fn the_right_to_watch_ends_with_the_token() {
    let running = start().await;
    running.add("Garden").await;
    let second = Duration::from_secs(1);
    // Expires at a whole second; one that did so at once would not be let in.
    let admitted = loop {
        let (token, _) = running.hub.sessions.issue(Grant::everything("test"), second);
        if let Ok(admitted) = HubDoor::new(&running.hub).admit(&token, "garden", "main") {
            break admitted;
        }
    };
    assert_eq!(admitted.stream, (CameraId::new("garden").unwrap(), StreamKind::Main.into()));
    let ended = tokio::time::timeout(Duration::from_secs(30), admitted.ended).await;
    assert!(ended.is_ok(), "the token has expired long ago");
}
