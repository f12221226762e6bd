//! `sound`: coded sound on standard input, Opus on standard output, both in the framing of `tarsier_wire`.
//!
//! It ends when standard input does, so that it outlives no hub.

use std::io::{self, Read};

use anyhow::Context;
use bytes::BytesMut;
use tarsier_av::{NoOpus, SoundTranscoder};
use tarsier_wire::{FromTranscoder, ToTranscoder, framing};

use crate::live::put;

const READ_BYTES: usize = 4096;

/// Why there is nothing (more) to do.
pub(crate) enum Ended {
    /// Standard input has ended.
    Done,
    /// This machine cannot.
    NoOpus(NoOpus),
}

/// Runs until standard input ends.
pub(crate) fn run() -> anyhow::Result<Ended> {
    let mut transcoder = match SoundTranscoder::new() {
        Ok(transcoder) => transcoder,
        Err(none) => return Ok(Ended::NoOpus(none)),
    };
    let (mut input, mut out) = (io::stdin().lock(), io::stdout().lock());
    let (mut read, mut chunk) = (BytesMut::new(), [0; READ_BYTES]);
    loop {
        let count = input.read(&mut chunk).context("reading standard input")?;
        if count == 0 {
            return Ok(Ended::Done);
        }
        read.extend_from_slice(&chunk[..count]);
        while let Some((message, payload)) = framing::decode(&mut read)? {
            match message {
                ToTranscoder::SoundParameters(parameters) => transcoder.begin(&parameters)?,
                ToTranscoder::Sound(coded) => transcoder.push(coded, &payload)?,
                ToTranscoder::Parameters(_) | ToTranscoder::Picture(_) => {}
            }
            while let Some((coded, data)) = transcoder.poll() {
                put(&mut out, &FromTranscoder::Sound(coded), &data)?;
            }
        }
    }
}
