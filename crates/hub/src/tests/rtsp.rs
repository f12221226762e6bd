//! RTSP: whom the hub lets in, and what the others are told.

use tarsier_api::rights::Right;
use tarsier_rtsp::{Door, Refused, Shown, Why};

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
        let shown = match token {
            "" => Shown::Nothing,
            token => Shown::Token(token.to_owned()),
        };
        door.admit(&shown, camera, stream).err().map(|Refused { why, words }| (why, words))
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
        let shown = Shown::Token(token);
        if let Ok(admitted) = HubDoor::new(&running.hub).admit(&shown, "garden", "main") {
            break admitted;
        }
    };
    assert_eq!(admitted.stream, (CameraId::new("garden").unwrap(), StreamKind::Main.into()));
    let ended = tokio::time::timeout(Duration::from_secs(30), admitted.ended).await;
    assert!(ended.is_ok(), "the token has expired long ago");
}

#[tokio::test]
async fn a_password_opens_what_its_token_opens_and_ends_with_it() {
    let running = start().await;
    running.add("Garden").await;
    let door = HubDoor::new(&running.hub);
    let sessions = &running.hub.sessions;
    let admit = |user: &str, password: &str| {
        let (user, password) = (user.to_owned(), password.to_owned());
        let admitted = door.admit(&Shown::Password { user, password }, "garden", "main");
        admitted.map_err(|Refused { why, .. }| why)
    };
    let viewer = || Grant { role: Role::Viewer, ..Grant::everything("test") };
    let live = Some(vec![Right::Live]);
    let cameras = |camera: &str| Some(vec![camera.to_owned()]);
    let sub = Some(vec![tarsier_api::camera::Stream::Sub]);
    for (what, grant, expected) in [
        ("everything", Grant::everything("test"), None),
        ("the pages", viewer(), None),
        ("live", Grant { rights: live, cameras: cameras("garden"), ..viewer() }, None),
        ("another camera", Grant { cameras: cameras("gate"), ..viewer() }, Some(Why::Forbidden)),
        ("another stream", Grant { streams: sub, ..viewer() }, Some(Why::Forbidden)),
    ] {
        let (token, claims) = sessions.give(grant, Duration::from_secs(600)).await.unwrap();
        let (login, _) = sessions.login(&claims.jti).expect("it opens something by RTSP");
        let said = |user: &str, password: &str| admit(user, password).err();
        assert_eq!(said(&login.username, &login.password), expected, "{what}");
        assert_eq!(said("anybody", &token), expected, "the token as password: {what}");
        for (user, password) in [
            ("anybody", login.password.as_str()),
            ("", &login.password),
            (&login.username, ""),
            (&login.username, &login.password[1..]),
            (&claims.jti, &login.password),
        ] {
            assert_eq!(said(user, password), Some(Why::Unauthorized), "{what}: {user}:{password}");
        }
        let admitted = admit(&login.username, &login.password);
        sessions.revoke(&claims.jti).await.unwrap();
        if let Ok(admitted) = admitted {
            let ended = tokio::time::timeout(Duration::from_secs(5), admitted.ended).await;
            assert!(ended.is_ok(), "what goes on ends: {what}");
        }
        assert_eq!(said(&login.username, &login.password), Some(Why::Unauthorized), "{what}");
        assert_eq!(sessions.login(&claims.jti), None, "nothing is told of it any more");
    }
    let playback = Grant { rights: Some(vec![Right::Playback]), ..viewer() };
    let (_, claims) = sessions.give(playback, Duration::from_secs(600)).await.unwrap();
    assert_eq!(sessions.login(&claims.jti), None, "it opens nothing by RTSP");
    let (_, claims) = sessions.give(viewer(), Duration::ZERO).await.unwrap();
    assert_eq!(sessions.login(&claims.jti), None, "it is over");
    let (_, claims) = sessions.issue(viewer(), Duration::from_secs(600));
    assert_eq!(sessions.login(&claims.jti), None, "it was not handed on");
}
