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
        assert_eq!((question.camera.as_str(), question.token.as_str()), ("garden", ""));
        assert_eq!(conversation.undescribed(&request), None);
        assert!(!conversation.wants_ports(&request), "no ports for strangers");
        assert_eq!(conversation.handle(&request, None).response.status, Status::NotFound);
    }
    assert_eq!(ask(&mut conversation, "PLAY").0, Status::SessionNotFound);
    assert_eq!(ask(&mut conversation, "OPTIONS").0, Status::Ok, "asked before there is a token");
    assert_eq!(conversation.stage(), Stage::Stranger);
}

#[test]
fn a_client_that_guesses_tokens_is_put_out() {
    let mut conversation = conversation();
    let refused = Refused { why: Why::Unauthorized, words: "A token is needed.".to_owned() };
    let first = conversation.refused(&refused);
    assert_eq!(first.response.status, Status::Unauthorized);
    assert_eq!(first.response.body, "A token is needed.");
    assert!(first.response.headers.contains(&("WWW-Authenticate", CHALLENGE.to_owned())));
    for _ in 2..REFUSALS {
        assert_eq!(conversation.refused(&refused).then, Then::GoOn);
    }
    assert_eq!(conversation.refused(&refused).then, Then::Close);
}

#[test]
fn a_token_is_judged_once_for_a_stream_and_again_if_it_is_another() {
    let conversation = guest();
    let asked = |uri: &str| conversation.question(&request("SETUP", uri, ""));
    assert_eq!(asked(&format!("{URI}/track1")), None, "clients do not repeat it");
    assert_eq!(asked(&format!("{URI}/track1?token=t")), None, "the same");
    assert_eq!(asked(&format!("{URI}?token=u/track1")).unwrap().token, "u");
    let other = asked("rtsp://h/gate/main/track1").unwrap();
    assert_eq!((other.camera.as_str(), other.token.as_str()), ("gate", ""), "another camera");
    assert!(asked("rtsp://h/garden/sub/track1").is_some(), "another stream");
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
    let refused = conversation.described(Err(NotCarried { rfc6381: "av01.0.08M.08".to_owned() }));
    let response = refused.unwrap().response;
    assert_eq!(response.status, Status::UnsupportedMediaType);
    assert!(response.body.contains("av01.0.08M.08"), "{}", response.body);
}

/// Answers as the hands do, where `t` is the one good token; whether somebody was let in now.
fn answered(conversation: &mut Conversation, request: &Request, ports: Option<(u16, u16)>) -> bool {
    let mut is_let_in = false;
    let answer = match conversation.question(request) {
        Some(question) if question.token != "t" => {
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
            "((Accept|Authorization|Range|Scale): [ -~]{0,20})?",
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
