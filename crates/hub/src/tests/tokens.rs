//! Tokens: one judge, every transport. A new transport is a line in [`transports`].

use tarsier_api::camera::Stream;
use tarsier_api::rights::Right;
use tarsier_live::LiveInput;
use tarsier_live::fanout::StreamId;
use tarsier_rtsp::{Door as _, Shown, Why};

use super::rights::routes;
use super::*;
use crate::rtsp::HubDoor;
use crate::sessions::{
    Ending, Files, GivenFile, MadeFolder, Permit, Refused, RevokedFile, Sessions, Wanted,
};
use crate::tokens::{TokenError, Tokens};
use crate::words;

const PATIENCE: Duration = Duration::from_secs(30);

/// How one asks for pictures or news.
enum Door {
    Http(Method, &'static str),
    /// Over RTSP, in the URL.
    Rtsp,
    /// Over RTSP, as password.
    RtspPassword,
}

/// Whoever has that token asks for that.
fn admitted(running: &Running, token: &str, wanted: Wanted) -> Result<Permit, Refused> {
    let sessions = &running.hub.sessions;
    sessions.admit(&sessions.check(token)?, wanted)
}

/// What the way in names, and so what a token is held against.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Stream,
    Camera,
    Nothing,
}

fn transports() -> Vec<(Door, Names, Option<Right>)> {
    let http = |method, path| Door::Http(method, path);
    let (live, playback) = (Some(Right::Live), Some(Right::Playback));
    vec![
        (http(Method::GET, "/live/garden/sub/mse"), Names::Stream, live),
        // Of the streams that the token is for.
        (http(Method::GET, "/live/garden/auto/mse"), Names::Camera, live),
        (http(Method::POST, "/live/garden/auto/whep"), Names::Camera, live),
        (http(Method::POST, "/live/garden/sub/whep"), Names::Stream, live),
        (http(Method::PATCH, "/live/garden/sub/whep/0"), Names::Stream, live),
        (http(Method::DELETE, "/live/garden/sub/whep/0"), Names::Stream, live),
        (http(Method::POST, "/live/garden/sub/whep/0/renew"), Names::Stream, live),
        (http(Method::GET, "/live/garden/index.m3u8"), Names::Camera, live),
        (http(Method::GET, "/live/garden/sub/index.m3u8"), Names::Stream, live),
        (http(Method::GET, "/live/garden/sub/hls/1-part-1.m4s"), Names::Stream, live),
        (
            http(Method::GET, "/api/v1/cameras/garden/sub/vod.m3u8?from_utc_ms=1&to_utc_ms=2"),
            Names::Stream,
            playback,
        ),
        (http(Method::GET, "/api/v1/cameras/garden/sub/segments"), Names::Stream, playback),
        (http(Method::GET, "/api/v1/cameras/garden/sub/segments/1.mp4"), Names::Stream, playback),
        (http(Method::GET, "/api/v1/cameras/garden/sub/still.jpg"), Names::Stream, playback),
        (http(Method::GET, "/api/v1/events"), Names::Nothing, None),
        (Door::Rtsp, Names::Stream, live),
        (Door::RtspPassword, Names::Stream, live),
    ]
}

fn sub() -> StreamId {
    (CameraId::new("garden").unwrap(), StreamKind::Sub.into())
}

/// What a door says to a token: whether it is let in, and why not.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Unauthorized,
    Forbidden,
    In,
}

impl Running {
    async fn try_door(&self, door: &Door, token: &str) -> Said {
        match door {
            Door::Http(method, path) => {
                let answer = self.ask(Some(token), method.clone(), path, None).await;
                match answer.status {
                    StatusCode::UNAUTHORIZED => Said::Unauthorized,
                    StatusCode::FORBIDDEN => Said::Forbidden,
                    _ => Said::In,
                }
            }
            Door::Rtsp => self.try_rtsp(&Shown::Token(token.to_owned())),
            Door::RtspPassword => {
                let (user, password) = ("anybody".to_owned(), token.to_owned());
                self.try_rtsp(&Shown::Password { user, password })
            }
        }
    }

    fn try_rtsp(&self, shown: &Shown) -> Said {
        match HubDoor::new(&self.hub).admit(shown, "garden", "sub") {
            Err(refused) if refused.why == Why::Unauthorized => Said::Unauthorized,
            Err(refused) if refused.why == Why::Forbidden => Said::Forbidden,
            _ => Said::In,
        }
    }

    fn grant(&self, grant: Grant<'_>) -> String {
        self.hub.sessions.issue(grant, Duration::from_secs(600)).0
    }
}

fn garden() -> Grant<'static> {
    let cameras = Some(vec!["garden".to_owned()]);
    Grant { role: Role::Viewer, cameras, ..Grant::everything("test") }
}

/// A hub with a camera whose pictures are away: whoever asks for them is answered at once.
async fn with_garden() -> Running {
    let running = start().await;
    running.add("Garden").await;
    for kind in StreamKind::ALL {
        let away =
            words::problem(tarsier_api::problem::ProblemCode::Offline, "It is away.", "Wait");
        running.hub.live.handle((sub().0, kind), LiveInput::Notice(Some(away))).await;
    }
    running
}

#[tokio::test]
async fn every_transport_refuses_what_a_token_does_not_give() {
    let running = with_garden().await;
    let revoked = running.grant(garden());
    let id = running.hub.sessions.check(&revoked).unwrap().jti;
    running.hub.sessions.revoke(&id).await.unwrap();
    let expired = running.hub.sessions.issue(garden(), Duration::ZERO).0;
    let forged = Tokens::new(&[9; 32]).issue(garden(), running.hub.now(), PATIENCE).0;
    let gate = running.grant(Grant { cameras: Some(vec!["gate".into()]), ..garden() });
    let main = running.grant(Grant { streams: Some(vec![Stream::Main]), ..garden() });
    let live = running.grant(Grant { rights: Some(vec![Right::Live]), ..garden() });
    let playback = running.grant(Grant { rights: Some(vec![Right::Playback]), ..garden() });
    let narrow = |right| Grant { streams: Some(vec![Stream::Sub]), rights: right, ..garden() };
    for (door, names, right) in transports() {
        let fits = running.grant(narrow(right.map(|right| vec![right])));
        let refused = |does_not_fit| if does_not_fit { Said::Forbidden } else { Said::In };
        for (what, token, expected) in [
            ("no token", "", Said::Unauthorized),
            ("garbage", "garbage", Said::Unauthorized),
            ("of another hub", &forged, Said::Unauthorized),
            ("expired", &expired, Said::Unauthorized),
            ("revoked", &revoked, Said::Unauthorized),
            ("for another camera", &gate, refused(names != Names::Nothing)),
            ("for another stream", &main, refused(names == Names::Stream)),
            ("for live alone", &live, refused(right != Some(Right::Live))),
            ("for playback alone", &playback, refused(right != Some(Right::Playback))),
            ("for just this", &fits, Said::In),
        ] {
            let door_name = match &door {
                Door::Http(method, path) => format!("{method} {path}"),
                Door::Rtsp => "RTSP".to_owned(),
                Door::RtspPassword => "RTSP, as password".to_owned(),
            };
            let said = running.try_door(&door, token).await;
            assert_eq!(said, expected, "{door_name} with a token {what}");
        }
    }
}

#[tokio::test]
async fn a_token_for_pictures_alone_opens_nothing_else() {
    let running = with_garden().await;
    let rights = Some(vec![Right::Live, Right::Playback]);
    // Whatever its role says: it stands in addresses, where others may read it.
    let token = running.grant(Grant { rights, ..Grant::everything("test") });
    for (method, path) in routes() {
        let is_for_pictures = path.starts_with("/live/")
            || ["/segments", ".jpg", ".m3u8", ".mp4"].iter().any(|it| path.contains(it));
        if !is_for_pictures && (method.clone(), path.as_str()) != (Method::GET, "/api/v1/session") {
            let answer = running.ask(Some(&token), method.clone(), &path, Some(json!({}))).await;
            answer.assert_problem(StatusCode::FORBIDDEN, "forbidden", &format!("{method} {path}"));
        }
    }
}

#[tokio::test]
async fn a_token_for_a_stream_is_made_of_a_session_and_goes_with_it() {
    let running = with_garden().await;
    let (session, claims) = running.hub.sessions.issue(garden(), Duration::from_secs(100));
    let ask = async |token: &str, camera: &str, stream: &str| {
        let body = json!({ "camera_id": camera, "stream": stream, "right": "live" });
        running.ask(Some(token), Method::POST, "/api/v1/session/stream", Some(body)).await
    };
    let narrow = ask(&session, "garden", "sub").await.json();
    assert_eq!(narrow["id"], claims.jti, "it is the same grant");
    assert_eq!((&narrow["role"], &narrow["streams"]), (&json!("viewer"), &json!(["sub"])));
    let until = narrow["expires_utc_ms"].as_i64().unwrap();
    assert!(until <= claims.exp * 1000, "never longer than the session: {narrow}");
    ask(&session, "gate", "sub").await.assert_problem(
        StatusCode::FORBIDDEN,
        "forbidden",
        "another camera",
    );
    let token = narrow["token"].as_str().unwrap();
    ask(token, "garden", "sub").await.assert_problem(
        StatusCode::FORBIDDEN,
        "forbidden",
        "it cannot make itself last",
    );
    let permit = admitted(&running, token, Wanted::Stream(sub(), Right::Live)).unwrap();
    running.hub.sessions.revoke(&claims.jti).await.unwrap();
    let ending = tokio::time::timeout(PATIENCE, permit.ended()).await;
    assert_eq!(ending, Ok(Ending::Revoked));
    let renewed = running.ask(Some(&session), Method::POST, "/api/v1/session", None).await;
    renewed.assert_problem(StatusCode::UNAUTHORIZED, "unauthorized", "it is not renewed either");
}

#[tokio::test]
async fn a_token_for_a_camera_is_for_the_streams_that_its_asker_may_have() {
    let running = with_garden().await;
    let ask = async |grant: Grant<'_>, camera: &str, right: &str| {
        let session = running.grant(grant);
        let body = json!({ "camera_id": camera, "right": right });
        running.ask(Some(&session), Method::POST, "/api/v1/session/stream", Some(body)).await
    };
    let sub_alone = || Grant { streams: Some(vec![Stream::Sub]), ..garden() };
    let garden_id = sub().0;
    let both = vec![StreamKind::Main, StreamKind::Sub];
    let auto =
        |streams: &[StreamKind]| Wanted::Streams(garden_id.clone(), streams.to_vec(), Right::Live);
    for (grant, streams, covers_both) in
        [(garden(), json!(null), true), (sub_alone(), json!(["sub"]), false)]
    {
        let narrow = ask(grant, "garden", "live").await.json();
        assert_eq!((&narrow["role"], &narrow["streams"]), (&json!("viewer"), &streams));
        assert_eq!((&narrow["cameras"], &narrow["rights"]), (&json!(["garden"]), &json!(["live"])));
        let token = narrow["token"].as_str().unwrap();
        assert_eq!(admitted(&running, token, auto(&both)).is_ok(), covers_both, "{narrow}");
        assert!(admitted(&running, token, auto(&both[1..])).is_ok(), "{narrow}");
        let past = admitted(&running, token, Wanted::Stream(sub(), Right::Playback));
        assert!(past.is_err(), "what is for live alone");
    }
    for (what, answer) in [
        ("another camera", ask(garden(), "gate", "live").await),
        (
            "another right",
            ask(Grant { rights: Some(vec![Right::Live]), ..garden() }, "garden", "live").await,
        ),
    ] {
        answer.assert_problem(StatusCode::FORBIDDEN, "forbidden", what);
    }
}

#[tokio::test]
async fn a_session_goes_on_under_a_good_token_and_by_its_own_address_alone() {
    let running = with_garden().await;
    let sessions = &running.hub.sessions;
    let (_, claims) = sessions.issue(garden(), Duration::from_secs(600));
    let permit = sessions.admit(&claims, Wanted::Stream(sub(), Right::Live)).unwrap();
    let revoked = running.grant(garden());
    let id = sessions.check(&revoked).unwrap().jti;
    sessions.revoke(&id).await.unwrap();
    let expired = sessions.issue(garden(), Duration::ZERO).0;
    let forged = Tokens::new(&[9; 32]).issue(garden(), running.hub.now(), PATIENCE).0;
    for (what, token, why) in [
        ("revoked", &revoked, TokenError::Revoked),
        ("expired", &expired, TokenError::Expired),
        ("of another hub", &forged, TokenError::Forged),
    ] {
        let refused = Err(Refused::Token(why));
        assert_eq!(permit.prolong(token), refused, "by a WebSocket, with a token {what}");
        assert_eq!(sessions.prolong(permit.id(), &sub(), token), refused, "by WHEP, {what}");
    }
    let main: StreamId = (sub().0, StreamKind::Main.into());
    let good = running.grant(garden());
    let elsewhere = sessions.prolong(permit.id(), &main, &good);
    assert_eq!(elsewhere, Err(Refused::NoSession), "that address shows another stream");
    assert!(!permit.has_ended(), "what was refused ends nothing");
    sessions.revoke(&claims.jti).await.unwrap();
    assert!(permit.has_ended(), "and its own token does");
}

#[tokio::test]
async fn tokens_are_made_listed_and_taken_back_by_administrators() {
    let running = with_garden().await;
    let new = json!({ "subject": "The neighbour", "role": "viewer", "cameras": ["garden"], "streams": ["sub"], "rights": ["live"], "ttl_seconds": 60 });
    let made = running.admin(Method::POST, "/api/v1/tokens", Some(new.clone())).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let made = made.json();
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let listed = async || {
        let list = running.admin(Method::GET, "/api/v1/tokens", None).await.json();
        list["items"].as_array().unwrap().iter().find(|item| item["id"] == id).cloned()
    };
    let item = listed().await.expect("it can be taken back before anybody used it");
    assert_eq!(item["has_rtsp_login"], true, "{item}");
    assert!(!item.to_string().contains("password"), "the list tells no passwords: {item}");
    let login_path = format!("/api/v1/tokens/{id}/rtsp-login");
    let login = running.admin(Method::POST, &login_path, None).await;
    assert_eq!(login.status, StatusCode::OK, "{}", login.text());
    assert_eq!(login.json(), made["rtsp_login"], "the same as when it was made");
    assert_eq!((&item["used_utc_ms"], &item["is_renewable"]), (&json!(null), &json!(false)));
    assert_eq!(item["expires_utc_ms"], made["expires_utc_ms"]);
    let permit = admitted(&running, token, Wanted::Stream(sub(), Right::Live)).unwrap();
    let item = listed().await.expect("it is in use");
    assert_eq!((&item["subject"], &item["running"]), (&json!("The neighbour"), &json!(1)));
    drop(permit);
    assert_eq!(listed().await.expect("it was used")["running"], 0);
    let path = format!("/api/v1/tokens/{id}");
    for _ in 0..2 {
        let revoked = running.admin(Method::DELETE, &path, None).await;
        assert_eq!(revoked.status, StatusCode::NO_CONTENT, "{}", revoked.text());
    }
    assert_eq!(running.hub.sessions.check(token).unwrap_err(), TokenError::Revoked);
    assert_eq!(listed().await, None);
    let login = running.admin(Method::POST, &login_path, None).await;
    login.assert_problem(StatusCode::NOT_FOUND, "not_found", "it was taken back");
    for (field, wrong, status, code) in [
        ("ttl_seconds", json!(0), StatusCode::BAD_REQUEST, "bad_request"),
        ("ttl_seconds", json!(315_360_001), StatusCode::BAD_REQUEST, "bad_request"),
        ("subject", json!(" "), StatusCode::BAD_REQUEST, "bad_request"),
        ("rights", json!(["fly"]), StatusCode::BAD_REQUEST, "bad_request"),
        ("cameras", json!(["nothing"]), StatusCode::NOT_FOUND, "not_found"),
    ] {
        let mut body = new.clone();
        body[field] = wrong;
        let answer = running.admin(Method::POST, "/api/v1/tokens", Some(body.clone())).await;
        answer.assert_problem(status, code, &body.to_string());
    }
    let garbage = running.admin(Method::DELETE, "/api/v1/tokens/..%2fsecret.key", None).await;
    garbage.assert_problem(StatusCode::NOT_FOUND, "not_found", "no name of a token");
}

fn files(folder: &Path) -> Files {
    Files {
        revoked: RevokedFile::new(folder.join("revoked.json")),
        given: GivenFile::new(folder.join("given.json")),
        made: MadeFolder::new(folder.join("made")),
    }
}

#[tokio::test]
async fn a_token_that_was_handed_on_is_found_again_by_the_next_hub() {
    let running = with_garden().await;
    let new = |subject| json!({ "subject": subject, "role": "viewer", "ttl_seconds": 600 });
    let mut made = Vec::new();
    for subject in ["The neighbour", "The plumber"] {
        let body = Some(new(subject));
        made.push(running.admin(Method::POST, "/api/v1/tokens", body).await.json());
    }
    running.hub.sessions.revoke(made[1]["id"].as_str().unwrap()).await.unwrap();
    let (key, clock) = (running.hub.data.key(), running.hub.clock);
    let next = Sessions::open(Tokens::new(key), files(running.dir.path()), clock).unwrap();
    let names: Vec<_> = next.known().into_iter().map(|item| item.subject).collect();
    assert_eq!(names, ["The neighbour"], "the other was taken back");
    let kept = std::fs::read_to_string(running.dir.path().join("given.json")).unwrap();
    for made in &made {
        assert!(!kept.contains(made["token"].as_str().unwrap()), "no token is in the list");
        let password = made["rtsp_login"]["password"].as_str().unwrap();
        assert!(!kept.contains(password), "no password is in the list");
    }
    for (made, expected) in made.iter().zip([true, false]) {
        let login = next.login(made["id"].as_str().unwrap());
        let is_known = login.is_some_and(|(login, _)| json!(login) == made["rtsp_login"]);
        assert_eq!(is_known, expected, "the next hub knows the password of what is good still");
    }
}

#[tokio::test]
async fn a_token_that_was_handed_on_cannot_be_renewed_beyond_its_end() {
    let running = with_garden().await;
    let new = json!({ "subject": "The neighbour", "role": "viewer", "ttl_seconds": 600 });
    let made = running.admin(Method::POST, "/api/v1/tokens", Some(new)).await.json();
    let token = made["token"].as_str();
    let renewed = running.ask(token, Method::POST, "/api/v1/session", None).await.json();
    assert_eq!(renewed["expires_utc_ms"], made["expires_utc_ms"]);
    assert_eq!(renewed["id"], made["id"]);
}

#[tokio::test]
async fn a_revoked_token_stays_revoked_when_the_hub_and_its_index_are_new() {
    let running = with_garden().await;
    let token = running.grant(garden());
    let id = running.hub.sessions.check(&token).unwrap().jti;
    running.hub.sessions.revoke(&id).await.unwrap();
    let (key, clock) = (running.hub.data.key(), running.hub.clock);
    let next = Sessions::open(Tokens::new(key), files(running.dir.path()), clock).unwrap();
    assert_eq!(next.check(&token).unwrap_err(), TokenError::Revoked);
    assert!(next.check(&running.grant(garden())).is_ok());
}

#[tokio::test]
async fn what_waits_or_streams_over_http_ends_with_its_token() {
    let running = start().await;
    running.with_live().await;
    let (news, claims) = running.hub.sessions.issue(garden(), Duration::from_secs(600));
    let request = Request::builder().uri("/api/v1/events").header(header::HOST, HOST);
    let request = request.header(header::AUTHORIZATION, format!("Bearer {news}"));
    let events = running.router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
    let events = events.unwrap();
    assert_eq!(events.status(), StatusCode::OK);
    let ends = tokio::time::timeout(PATIENCE, events.into_body().collect());
    let (ends, revoked) = tokio::join!(ends, running.hub.sessions.revoke(&claims.jti));
    revoked.unwrap();
    ends.expect("the stream of events ends").unwrap();

    let (player, claims) = running.hub.sessions.issue(garden(), Duration::from_secs(600));
    let live = "/live/garden/main/index.m3u8";
    let text = running.ask(Some(&player), Method::GET, live, None).await.text();
    let first = text.split_once("MEDIA-SEQUENCE:").and_then(|(_, rest)| rest.lines().next());
    let first: u64 = first.expect("a number").parse().unwrap();
    let waits = format!("{live}?_HLS_msn={}", first + 4);
    let waiting = running.ask(Some(&player), Method::GET, &waits, None);
    let (waited, revoked) = tokio::join!(waiting, running.hub.sessions.revoke(&claims.jti));
    revoked.unwrap();
    waited.assert_problem(StatusCode::UNAUTHORIZED, "unauthorized", "revoked while it waited");
}

#[tokio::test]
async fn what_goes_on_ends_at_the_expiry_of_the_last_token_that_was_handed_over() {
    let running = with_garden().await;
    let wanted = Wanted::Stream(sub(), Right::Live);
    let (_, claims) = running.hub.sessions.issue(garden(), Duration::from_secs(600));
    let permit = running.hub.sessions.admit(&claims, wanted.clone()).unwrap();
    let (later, later_claims) = running.hub.sessions.renew(claims, Duration::from_secs(4));
    permit.prolong(&later).unwrap();
    let gate = running.grant(Grant { cameras: Some(vec!["gate".into()]), ..garden() });
    assert!(permit.prolong(&gate).is_err(), "a token for another camera");
    let ending = tokio::time::timeout(PATIENCE, permit.ended()).await;
    assert_eq!(ending, Ok(Ending::Expired));
    let over = running.hub.now().0;
    assert!(over >= later_claims.exp * 1000, "not before the last one expires");
    assert!(over < later_claims.exp * 1000 + 5000, "and within 5 s of it");

    let permit = admitted(&running, &running.grant(garden()), wanted).unwrap();
    let path = "/api/v1/cameras/garden";
    let (ending, deleted) = tokio::join!(
        tokio::time::timeout(PATIENCE, permit.ended()),
        running.admin(Method::DELETE, path, None)
    );
    assert_eq!((ending, deleted.status), (Ok(Ending::StreamGone), StatusCode::NO_CONTENT));
}
