//! RTSP and RTP: what clients of the server send, and pictures and sound cut into packets for them.

use tarsier_rtp::message::{Incoming, MAX_HEAD, Response, Status, parse};
use tarsier_rtp::nal::{NalCodec, NalFormat, is_sps, packetise, split};
use tarsier_rtp::packets::{MAX_PAYLOAD, interleaved};
use tarsier_rtp::transport::{Wanted, choose};
use tarsier_rtp::{Packets, Patch, audio, sdp};

const HEADER: usize = 12;

fn of_texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// All that a client sends in a connection.
pub(crate) fn connections() -> Vec<Vec<u8>> {
    let mut seeds = of_texts(&[
        "OPTIONS rtsp://h:8554/garden/main RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: VLC\r\n\r\n",
        "DESCRIBE rtsp://h/garden/main?token=a.b.c RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\
         Authorization: Basic YW55OmEuYi5j\r\n\r\n\
         SETUP rtsp://h/garden/main/track1 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n\
         PLAY rtsp://h/garden/main/ RTSP/1.0\r\nCSeq: 4\r\nSession: ABCD;timeout=60\r\nRange: npt=now-\r\n\r\n",
        "SET_PARAMETER * RTSP/1.0\r\nCSeq: 5\r\nContent-Length: 12\r\n\r\nposition: 1\n",
    ]);
    let mut report = b"$\x01\x00\x08\x80\xc9\x00\x01\0\0\0\x07".to_vec();
    report.extend_from_slice(
        b"\r\nTEARDOWN rtsp://h/garden/main RTSP/1.0\r\nCSeq: 6\r\nSession: ABCD\r\n\r\n",
    );
    seeds.push(report);
    seeds.push(format!("OPTIONS * RTSP/1.0\r\nX: {}", "y".repeat(MAX_HEAD)).into_bytes());
    seeds
}

/// Requests and packets until the bytes are at their end, or are no RTSP.
pub(crate) fn requests(bytes: &[u8]) {
    let mut rest = bytes;
    loop {
        let used = match parse(rest) {
            Ok(Incoming::Incomplete) => {
                // What waits for more is bounded: a head, a body and a packet.
                assert!(rest.len() < MAX_HEAD + 64 * 1024 + 4, "{} bytes wait", rest.len());
                return;
            }
            Ok(Incoming::Skip(used)) => used,
            Ok(Incoming::Request(request, used)) => {
                let mut out = Vec::new();
                Response::new(Status::Ok).write(request.header("CSeq"), &mut out);
                let head = String::from_utf8(out).expect("text");
                assert_eq!(head.lines().count(), 4, "a line was smuggled in: {head:?}");
                let words = [&request.method, &request.uri];
                assert!(words.iter().all(|it| !it.is_empty() && !it.contains(char::is_control)));
                used
            }
            Err(_) => return,
        };
        assert!(used > 0 && used <= rest.len(), "it used {used} of {}", rest.len());
        rest = &rest[used..];
    }
}

pub(crate) fn transports() -> Vec<Vec<u8>> {
    of_texts(&[
        "RTP/AVP;unicast;client_port=5000-5001;mode=\"PLAY\"",
        "RTP/AVP/UDP;multicast;client_port=5000, RTP/AVP/TCP;unicast;interleaved=2-3",
        "RTP/AVP/TCP;interleaved=255",
    ])
}

/// The header `Transport`.
pub(crate) fn transport(bytes: &[u8]) {
    if let Some(Wanted::Datagrams { media, reports }) = choose(&String::from_utf8_lossy(bytes)) {
        assert!(media > 0 && reports > 0, "nobody listens at port 0");
    }
}

/// Pictures with a length before each NAL unit, and without any.
pub(crate) fn pictures() -> Vec<Vec<u8>> {
    let sample = |nals: &[&[u8]]| {
        let with_length = |nal: &&[u8]| {
            let length = u32::try_from(nal.len()).expect("a small one");
            [&length.to_be_bytes(), *nal].concat()
        };
        nals.iter().flat_map(with_length).collect::<Vec<u8>>()
    };
    let long = [&[0x65, 0x88][..], &[7; 4000]].concat();
    vec![
        sample(&[&[0x67, 0x42, 0, 31, 0xac], &[0x68, 0xee, 1], &long]),
        sample(&[&[0x26, 1, 0xaf], &[0x02, 1, 0x50], &[0x4e; 1401]]),
        vec![0x21; 300],
    ]
}

fn written(packets: &Packets) -> Vec<u8> {
    let mut out = Vec::new();
    let next =
        packets.write(Patch { channel: 2, sequence: u16::MAX, timestamp: 7, ssrc: 9 }, &mut out);
    let count = u16::try_from(packets.count()).expect("a small sample");
    assert_eq!(next, u16::MAX.wrapping_add(count));
    assert_eq!(interleaved(&out).count(), packets.count(), "each can be found again");
    let payload: usize = interleaved(&out).map(|(_, packet)| packet.len() - HEADER).sum();
    assert_eq!(payload, packets.payload_bytes() as usize, "as the reports say");
    assert!(
        interleaved(&out).all(|(_, packet)| packet.len() <= MAX_PAYLOAD + HEADER),
        "none is too long for the network"
    );
    out
}

/// What a receiver makes of the packets of a picture (RFC 6184 section 5.8, RFC 7798 section 4.4.3).
fn put_together(codec: NalCodec, bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut nals: Vec<Vec<u8>> = Vec::new();
    for (_, packet) in interleaved(bytes) {
        let payload = &packet[HEADER..];
        let (header, is_fragment) = match codec {
            NalCodec::Avc => (1, payload[0] & 0x1f == 28),
            NalCodec::Hevc => (2, payload[0] >> 1 & 0x3f == 49),
        };
        if !is_fragment || payload.len() <= header {
            nals.push(payload.to_vec());
            continue;
        }
        let (kind, part) = (payload[header], &payload[header + 1..]);
        match nals.last_mut() {
            Some(nal) if kind & 0x80 == 0 => nal.extend_from_slice(part),
            _ => {
                let mut nal = match codec {
                    NalCodec::Avc => vec![payload[0] & 0xe0 | kind & 0x1f],
                    NalCodec::Hevc => vec![payload[0] & 0x81 | (kind & 0x3f) << 1, payload[1]],
                };
                nal.extend_from_slice(part);
                nals.push(nal);
            }
        }
    }
    nals
}

/// A camera's picture, or its sound, cut into packets.
pub(crate) fn packets(bytes: &[u8]) {
    for codec in [NalCodec::Avc, NalCodec::Hevc] {
        for length_size in [1, 2, 4] {
            let parameter_sets: Vec<_> = split(bytes, 2).map(<[u8]>::to_vec).collect();
            let _ = sdp::nals(&NalFormat { codec, length_size, parameter_sets }, 96);
            let format = NalFormat { codec, length_size, parameter_sets: Vec::new() };
            let out = written(&packetise(&format, 96, bytes, true));
            let nals: Vec<_> = split(bytes, length_size).collect();
            let is_whole = |nal: &&&[u8]| {
                let is_fragment = match codec {
                    NalCodec::Avc => nal[0] & 0x1f == 28,
                    NalCodec::Hevc => nal[0] >> 1 & 0x3f == 49,
                };
                !is_fragment
            };
            // What already calls itself a fragment is put together by nobody.
            if nals.iter().all(|nal| is_whole(&nal)) {
                assert_eq!(put_together(codec, &out), nals, "what is put together is what was cut");
            }
            let _ = nals.iter().any(|nal| is_sps(codec, nal));
        }
    }
    let frame = &bytes[..bytes.len().min(0x1fff)];
    let parts = written(&audio::aac(97, bytes));
    let parts: Vec<_> =
        interleaved(&parts).flat_map(|(_, it)| &it[HEADER + 4..]).copied().collect();
    assert_eq!(parts, frame, "all of what 13 bits can say");
    let parts = written(&audio::pcm(0, bytes));
    let parts: Vec<_> = interleaved(&parts).flat_map(|(_, it)| &it[HEADER..]).copied().collect();
    assert_eq!(parts, bytes);
    let _ = sdp::aac(bytes, 16_000, 1, 97);
    assert!(interleaved(bytes).map(|(_, packet)| packet.len() + 4).sum::<usize>() <= bytes.len());
}
