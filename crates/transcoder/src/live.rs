//! `live`: coded pictures on standard input, H.264 on standard output, both in the framing of `tarsier_wire`.
//!
//! A thread reads ahead, a little: how far tells whether coding keeps up. It ends when standard input does, so that it
//! outlives no hub; when standard output is not taken it waits, and behind it the hub leaves out whole GOPs.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use tarsier_av::{Encoders, NoEncoder, TranscodeOptions, Transcoded, Transcoder};
use tarsier_types::SystemClock;
use tarsier_wire::{FromTranscoder, ToTranscoder, framing};

/// Messages that are read ahead; behind a full channel the pipe waits, and the hub behind it.
const AHEAD: usize = 64;
const READ_BYTES: usize = 64 << 10;

/// Why there is nothing (more) to do.
pub(crate) enum Ended {
    /// Standard input has ended.
    Done,
    /// This machine cannot.
    NoEncoder(NoEncoder),
}

/// Runs until standard input ends.
pub(crate) fn run(
    max_height: u32,
    encoders: Encoders,
    without: Vec<String>,
) -> anyhow::Result<Ended> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    // Recorders keep the other half.
    let threads = (cores / 2).max(1);
    let clock = SystemClock::start();
    let options = TranscodeOptions { max_height, threads, encoders, without, clock };
    let mut transcoder = match Transcoder::new(options) {
        Ok(transcoder) => transcoder,
        Err(none) => return Ok(Ended::NoEncoder(none)),
    };
    let newest_utc_us = Arc::new(AtomicI64::new(i64::MIN));
    let (sender, messages) = sync_channel(AHEAD);
    let newest = newest_utc_us.clone();
    let reading = thread::spawn(move || read(&sender, &newest));
    let mut out = io::stdout().lock();
    code(&mut transcoder, &messages, &newest_utc_us, &mut out)?;
    match reading.join() {
        Ok(read) => read.map(|()| Ended::Done),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn code(
    transcoder: &mut Transcoder,
    messages: &Receiver<(ToTranscoder, Bytes)>,
    newest_utc_us: &AtomicI64,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut encoder = transcoder.encoder();
    put(out, &FromTranscoder::Encoder(encoder.to_owned()), &[])?;
    tell_failed(transcoder, out)?;
    for (message, payload) in messages {
        match message {
            ToTranscoder::Parameters(parameters) => transcoder.begin(parameters),
            ToTranscoder::Picture(coded) => {
                transcoder.push(coded, &payload, newest_utc_us.load(Ordering::Relaxed))?;
            }
            ToTranscoder::SoundParameters(_) | ToTranscoder::Sound(_) => {}
        }
        if transcoder.encoder() != encoder {
            encoder = transcoder.encoder();
            put(out, &FromTranscoder::Encoder(encoder.to_owned()), &[])?;
            tell_failed(transcoder, out)?;
        }
        while let Some(transcoded) = transcoder.poll() {
            match transcoded {
                Transcoded::Parameters(parameters) => {
                    put(out, &FromTranscoder::Parameters(parameters), &[])?;
                }
                Transcoded::Picture(coded, data) => {
                    put(out, &FromTranscoder::Picture(coded), &data)?;
                }
            }
        }
    }
    Ok(())
}

fn tell_failed(transcoder: &mut Transcoder, out: &mut impl Write) -> anyhow::Result<()> {
    while let Some(failed) = transcoder.take_failed() {
        put(out, &FromTranscoder::EncoderFailed(failed.to_owned()), &[])?;
    }
    Ok(())
}

pub(crate) fn put(
    out: &mut impl Write,
    message: &FromTranscoder,
    payload: &[u8],
) -> anyhow::Result<()> {
    let head = framing::encode(message, payload.len())?;
    out.write_all(&head)
        .and_then(|()| out.write_all(payload))
        .and_then(|()| out.flush())
        .context("writing to standard output")
}

fn read(
    sender: &SyncSender<(ToTranscoder, Bytes)>,
    newest_utc_us: &AtomicI64,
) -> anyhow::Result<()> {
    let mut input = io::stdin().lock();
    let (mut read, mut chunk) = (BytesMut::new(), vec![0; READ_BYTES]);
    loop {
        let count = input.read(&mut chunk).context("reading standard input")?;
        if count == 0 {
            return Ok(());
        }
        read.extend_from_slice(&chunk[..count]);
        while let Some((message, payload)) = framing::decode(&mut read)? {
            if let ToTranscoder::Picture(coded) = &message {
                newest_utc_us.store(coded.arrived_utc_us, Ordering::Relaxed);
            }
            if sender.send((message, payload)).is_err() {
                return Ok(());
            }
        }
    }
}
