use tarsier_rtp::message::{Incoming, parse};
use tarsier_types::{CameraId, StreamKind};

use super::*;
use crate::description::fixtures::{aac, description};

const URI: &str = "rtsp://h/garden/main";

fn request(method: &str, uri: &str, headers: &str) -> Request {
    let text = format!("{method} {uri} RTSP/1.0\r\nCSeq: 1\r\n{headers}\r\n\r\n");
    let Ok(Incoming::Request(request, _)) = parse(text.as_bytes()) else {
        panic!("not read: {text}")
    };
    request
}

fn conversation() -> Conversation {
    Conversation::new(Opened {
        session: "ABCD".to_owned(),
        seed: 7,
        line: Line::Local,
        origins: [Origin::default(); 2],
        local: [127, 0, 0, 1].into(),
    })
}

fn stream() -> StreamId {
    (CameraId::new("garden").unwrap(), StreamKind::Main.into())
}

/// One that was let in, and knows what the stream is made of.
fn guest() -> Conversation {
    let mut conversation = conversation();
    let question = conversation.question(&request("DESCRIBE", &format!("{URI}?token=t"), ""));
    conversation.admitted(question.unwrap(), stream());
    assert_eq!(conversation.described(Ok(description(&aac()))), None);
    conversation
}

fn set_up(conversation: &mut Conversation, track: &str, transport: &str) -> Answer {
    let headers = format!("Transport: {transport}");
    let request = request("SETUP", &format!("{URI}/{track}"), &headers);
    let ports = conversation.wants_ports(&request).then_some((6000, 6001));
    conversation.handle(&request, ports)
}

fn ask(conversation: &mut Conversation, method: &str) -> (Status, Then) {
    let answer = conversation.handle(&request(method, URI, "Session: ABCD;timeout=60"), None);
    (answer.response.status, answer.then)
}

#[test]
fn nothing_is_told_to_whoever_was_not_let_in() {
    let mut conversation = conversation();
    for method in ["DESCRIBE", "SETUP"] {
        let request =
            request(method, &format!("{URI}/track1"), "Transport: RTP/AVP;client_port=5000-5001");
        let question = conversation.question(&request).unwrap();
        assert_eq!((question.camera.as_str(), question.shown), ("garden", Shown::Nothing));
        assert_eq!(conversation.undescribed(&request), None);
        assert!(!conversation.wants_ports(&request), "no ports for strangers");
        assert_eq!(conversation.handle(&request, None).response.status, Status::NotFound);
    }
    assert_eq!(ask(&mut conversation, "PLAY").0, Status::SessionNotFound);
    assert_eq!(ask(&mut conversation, "OPTIONS").0, Status::Ok, "asked before there is a token");
    assert_eq!(conversation.stage(), Stage::Stranger);
}

fn refused(why: Why) -> Refused {
    Refused { why, words: "A token is needed.".to_owned() }
}

/// What a refused client is offered.
fn offers(answer: &Answer) -> Vec<&str> {
    let headers = answer.response.headers.iter().filter(|(name, _)| *name == "WWW-Authenticate");
    headers.map(|(_, offer)| offer.as_str()).collect()
}

#[test]
fn a_client_that_guesses_is_put_out() {
    let mut conversation = conversation();
    let first = conversation.refused(&refused(Why::Unauthorized));
    assert_eq!(first.response.status, Status::Unauthorized);
    assert_eq!(first.response.body, "A token is needed.");
    let [sha, md5, basic] = offers(&first)[..] else { panic!("{first:?}") };
    assert!(sha.contains("SHA-256") && md5.contains("MD5") && basic.starts_with("Basic "));
    for why in [Why::Stale, Why::Unknown].into_iter().cycle().take(usize::from(REFUSALS) - 2) {
        assert_eq!(conversation.refused(&refused(why)).then, Then::GoOn);
    }
    assert_eq!(conversation.refused(&refused(Why::Unauthorized)).then, Then::Close);
}

#[test]
fn whoever_nobody_knows_may_show_a_token_where_nobody_else_reads_it() {
    for (line, expected) in [(Line::Local, 1), (Line::Tls, 1), (Line::Open, 3)] {
        let mut conversation = Conversation::new(Opened { line, ..conversation().opened });
        let answer = conversation.refused(&refused(Why::Unknown));
        assert_eq!(offers(&answer).len(), expected, "{line:?}: {answer:?}");
        assert!(offers(&answer).last().unwrap().starts_with("Basic "), "{answer:?}");
    }
}

#[test]
fn a_right_is_judged_once_for_a_stream_and_again_if_it_is_another() {
    let mut conversation = guest();
    let mut asked = |uri: &str| conversation.question(&request("SETUP", uri, ""));
    assert_eq!(asked(&format!("{URI}/track1")), None, "clients do not repeat it");
    assert_eq!(asked(&format!("{URI}/track1?token=t")), None, "the same");
    let other = asked(&format!("{URI}?token=u/track1")).unwrap();
    assert_eq!(other.shown, Shown::Token("u".to_owned()));
    let other = asked("rtsp://h/gate/main/track1").unwrap();
    assert_eq!((other.camera.as_str(), other.shown), ("gate", Shown::Nothing), "another camera");
    assert!(asked("rtsp://h/garden/sub/track1").is_some(), "another stream");
}

#[test]
fn who_knows_his_password_is_judged_once_however_often_he_says_so() {
    let mut conversation = conversation();
    let answer = conversation.refused(&refused(Why::Unauthorized));
    let nonce = offers(&answer)[1].split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let header = |user: &str, count: u8| {
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"Tarsier\", nonce=\"{nonce}\", uri=\"{URI}/\", \
             qop=auth, nc=0000000{count}, cnonce=\"x\", response=\"{}\"",
            "0".repeat(32)
        )
    };
    let mut ask =
        |method, user, count| conversation.question(&request(method, URI, &header(user, count)));
    let question = ask("DESCRIBE", "me", 1).unwrap();
    let Shown::Answer(shown) = &question.shown else { panic!("{question:?}") };
    assert_eq!((shown.user(), shown.is_fresh), ("me", true));
    conversation.admitted(question, stream());
    let mut ask =
        |method, user, count| conversation.question(&request(method, URI, &header(user, count)));
    assert_eq!(ask("SETUP", "me", 2), None, "he is in");
    let other = ask("SETUP", "you", 3).unwrap();
    assert!(matches!(&other.shown, Shown::Answer(shown) if shown.is_fresh), "{other:?}");
    let replayed = ask("SETUP", "you", 3).unwrap();
    assert!(matches!(&replayed.shown, Shown::Answer(shown) if !shown.is_fresh), "{replayed:?}");
}

#[test]
fn nothing_goes_beside_tls() {
    let mut conversation = Conversation::new(Opened { line: Line::Tls, ..guest().opened });
    let question = conversation.question(&request("DESCRIBE", &format!("{URI}?token=t"), ""));
    conversation.admitted(question.unwrap(), stream());
    assert_eq!(conversation.described(Ok(description(&aac()))), None);
    let datagrams = set_up(&mut conversation, "track1", "RTP/AVP;unicast;client_port=5000-5001");
    assert_eq!(datagrams.response.status, Status::UnsupportedTransport, "everybody could read it");
    assert_eq!(set_up(&mut conversation, "track1", "RTP/AVP/TCP").response.status, Status::Ok);
}

#[test]
fn a_description_is_asked_for_anew_by_each_describe() {
    let conversation = guest();
    assert_eq!(conversation.undescribed(&request("DESCRIBE", URI, "")), Some(&stream()));
    let set_up = request("SETUP", &format!("{URI}/track1"), "");
    assert_eq!(conversation.undescribed(&set_up), None, "known by then");
}

#[test]
fn the_way_of_a_session() {
    let mut conversation = guest();
    let described = conversation.handle(&request("DESCRIBE", &format!("{URI}?token=t"), ""), None);
    assert!(described.response.headers.contains(&("Content-Base", format!("{URI}/"))));
    assert!(described.response.body.contains("a=control:track2"));
    assert_eq!(ask(&mut conversation, "PLAY").0, Status::SessionNotFound, "nothing is set up");

    let answer = set_up(&mut conversation, "track1", "RTP/AVP/TCP;unicast;interleaved=0-1");
    assert_eq!(answer.response.status, Status::Ok);
    let twice = set_up(&mut conversation, "track1", "RTP/AVP/TCP;unicast;interleaved=4-5");
    assert_eq!(twice.response.status, Status::MethodNotValidInThisState);
    let clash = set_up(&mut conversation, "track2", "RTP/AVP/TCP;unicast;interleaved=1-2");
    assert_eq!(clash.response.status, Status::UnsupportedTransport, "channel 1 is taken");
    let mixed = set_up(&mut conversation, "track2", "RTP/AVP;unicast;client_port=5000-5001");
    assert_eq!(mixed.response.status, Status::UnsupportedTransport, "one way for both tracks");
    let third = set_up(&mut conversation, "track3", "RTP/AVP/TCP");
    assert_eq!(third.response.status, Status::NotFound);
    assert_eq!(set_up(&mut conversation, "track2", "RTP/AVP/TCP").response.status, Status::Ok);
    assert_eq!(conversation.stage(), Stage::Guest);

    assert_eq!(ask(&mut conversation, "PLAY"), (Status::Ok, Then::Play(stream())));
    assert_eq!(conversation.stage(), Stage::Taking);
    assert_eq!(ask(&mut conversation, "PLAY"), (Status::Ok, Then::GoOn), "it plays already");
    assert_eq!(ask(&mut conversation, "GET_PARAMETER"), (Status::Ok, Then::GoOn));
    assert_eq!(ask(&mut conversation, "PAUSE"), (Status::Ok, Then::Pause));
    assert!(conversation.sender().is_none(), "nothing is sent in a pause");
    assert_eq!(ask(&mut conversation, "PLAY"), (Status::Ok, Then::Play(stream())));
    assert_eq!(ask(&mut conversation, "RECORD").0, Status::NotImplemented);
    let stranger = conversation.handle(&request("TEARDOWN", URI, "Session: EFGH"), None);
    assert_eq!(stranger.response.status, Status::SessionNotFound);
    assert_eq!(ask(&mut conversation, "TEARDOWN"), (Status::Ok, Then::Close));
}

#[test]
fn datagrams_go_to_the_ports_that_the_client_named() {
    let mut conversation = guest();
    let answer = set_up(&mut conversation, "track1", "RTP/AVP;unicast;client_port=5000-5001");
    assert_eq!(answer.then, Then::UsePorts { track: 0, media: 5000, reports: 5001 });
    let agreed = answer.response.headers.iter().find(|(name, _)| *name == "Transport");
    let agreed = &agreed.unwrap().1;
    assert!(agreed.contains("client_port=5000-5001;server_port=6000-6001"), "{agreed}");
    assert_eq!(ask(&mut conversation, "PLAY").0, Status::Ok);
    assert_eq!(conversation.stage(), Stage::Hearing);
}

#[test]
fn a_stream_that_rtp_does_not_carry_is_refused_by_name() {
    let mut conversation = guest();
    let refused = conversation.described(Err(NotCarried { rfc6381: "mp4v.6C".to_owned() }));
    let response = refused.unwrap().response;
    assert_eq!(response.status, Status::UnsupportedMediaType);
    assert!(response.body.contains("mp4v.6C"), "{}", response.body);
}

/// Answers as the hands do, where `t` is the one good token; whether somebody was let in now.
fn answered(conversation: &mut Conversation, request: &Request, ports: Option<(u16, u16)>) -> bool {
    let mut is_let_in = false;
    let is_good = |shown: &Shown| match shown {
        Shown::Token(token) | Shown::Password { password: token, .. } => token == "t",
        Shown::Nothing | Shown::Answer(_) => false,
    };
    let answer = match conversation.question(request) {
        Some(question) if !is_good(&question.shown) => {
            let words = "No.".to_owned();
            conversation.refused(&Refused { why: Why::Unauthorized, words })
        }
        question => {
            if let Some(question) = question {
                is_let_in = true;
                conversation.admitted(question, stream());
            }
            if conversation.undescribed(request).is_some() {
                assert_eq!(conversation.described(Ok(description(&aac()))), None);
            }
            let ports = ports.filter(|_| conversation.wants_ports(request));
            conversation.handle(request, ports)
        }
    };
    let mut out = Vec::new();
    answer.response.write(Some("1"), &mut out);
    let text = String::from_utf8(out).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, answer.response.body);
    let lines = 3 + answer.response.headers.len() + usize::from(!body.is_empty());
    assert_eq!(head.lines().count(), lines, "nobody smuggles a line in: {head}");
    is_let_in
}

fn check_stage(conversation: &mut Conversation, was_let_in: bool) {
    assert!(was_let_in || conversation.stage() == Stage::Stranger);
    assert!(was_let_in || conversation.sender().is_none(), "nothing for strangers");
}

/// All that a client sends.
fn whole_sessions() -> Vec<Vec<u8>> {
    let requests = [
        ("DESCRIBE", "?token=t", "Accept: application/sdp\r\n"),
        ("SETUP", "/track1", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"),
        (
            "SETUP",
            "/track2",
            "Transport: RTP/AVP;unicast;client_port=5000-5001\r\nSession: ABCD\r\n",
        ),
        (
            "SETUP",
            "/track2?token=t",
            "Transport: RTP/AVP/TCP;unicast\r\nAuthorization: Basic YTp0\r\n",
        ),
        (
            "DESCRIBE",
            "",
            "Authorization: Digest username=\"a\", realm=\"Tarsier\", nonce=\"b\", uri=\"/garden/main\", qop=auth, \
             nc=00000001, cnonce=\"c\", response=\"00000000000000000000000000000000\"\r\n",
        ),
        ("PLAY", "/", "Session: ABCD;timeout=60\r\n$\x01\0\x01a"),
        ("PAUSE", "", "Session: ABCD\r\n"),
        ("GET_PARAMETER", "", "Session: ABCD\r\nContent-Length: 2\r\n\r\nab"),
        ("TEARDOWN", "", "Session: ABCD\r\n"),
    ];
    let text = |(method, behind, headers): &(&str, &str, &str)| {
        format!("{method} {URI}{behind} RTSP/1.0\r\nCSeq: 1\r\n{headers}\r\n")
    };
    let all: Vec<String> = requests.iter().map(text).collect();
    vec![all.concat().into_bytes(), all[..3].concat().into_bytes(), all[3].clone().into_bytes()]
}

#[test]
fn whatever_bytes_a_client_sends_the_answers_are_whole_and_nothing_is_sent_without_a_token() {
    tarsier_fuzz::fuzz(
        |bytes| {
            let (mut conversation, mut was_let_in) = (conversation(), false);
            let mut rest = bytes;
            loop {
                rest = match parse(rest) {
                    Ok(Incoming::Skip(used)) => &rest[used..],
                    Ok(Incoming::Request(request, used)) => {
                        was_let_in |= answered(&mut conversation, &request, Some((6000, 6001)));
                        check_stage(&mut conversation, was_let_in);
                        &rest[used..]
                    }
                    Ok(Incoming::Incomplete) | Err(_) => return,
                };
            }
        },
        &whole_sessions(),
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 500, ..Default::default() })]

    #[test]
    fn whatever_a_client_asks_the_answers_are_whole_and_nothing_is_sent_without_a_token(
        asked in proptest::collection::vec((
            "(SETUP|PLAY|PAUSE|DESCRIBE|TEARDOWN|GET_PARAMETER|[A-Z]{0,9})",
            "(rtsp://h/garden/(main|sub)(/track[0-3])?(.token=[tu])?|[!-~]{0,30})/?",
            "(Transport: (RTP/AVP|RTP/AVP/TCP|[!-~]{0,9})(;(unicast|interleaved|client_port)(=[0-9]{0,6}(-[0-9]{0,6})?)?){0,3})?",
            "(Session: (ABCD)?[ -~]{0,4})?",
            "((Accept|Range|Scale): [ -~]{0,20}|Authorization: (Digest |Basic )?[ -~]{0,60})?",
        ), 1..12),
        ports in proptest::prelude::any::<Option<(u16, u16)>>(),
    ) {
        let mut conversation = conversation();
        let mut was_let_in = false;
        for (method, uri, transport, session, more) in asked {
            let headers = [transport, session, more].map(|header| format!("{header}\r\n"));
            let headers: String = headers.into_iter().filter(|header| header.len() > 2).collect();
            let text = format!("{method} {uri} RTSP/1.0\r\nCSeq: 1\r\n{headers}\r\n");
            let Ok(Incoming::Request(request, _)) = parse(text.as_bytes()) else { continue };
            was_let_in |= answered(&mut conversation, &request, ports);
            check_stage(&mut conversation, was_let_in);
        }
    }
}
