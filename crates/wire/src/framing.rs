//! Bytes on the socket.
//!
//! ```text
//! +-----------------+------------------+----------------------+------------------+
//! | header length   | payload length   | header               | payload          |
//! | u32, big-endian | u32, big-endian  | postcard of a message| raw bytes        |
//! +-----------------+------------------+----------------------+------------------+
//! ```
//! The payload is apart so that pictures are never copied through serde.

use bytes::{Buf, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest header: a closed segment of 900 s with a fragment each second stays far below.
pub const MAX_HEADER_BYTES: u32 = 1 << 20;
/// Longest payload: an intra picture of an 8K camera stays far below.
pub const MAX_PAYLOAD_BYTES: u32 = 64 << 20;

/// What came is no frame of ours; the connection is of no more use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// A length beyond the limits above.
    #[error("frame of {header} + {payload} bytes exceeds the limit")]
    TooLong {
        /// Announced header length.
        header: u32,
        /// Announced payload length.
        payload: u32,
    },
    /// The header is no message that we know.
    #[error("unreadable message header")]
    Header(#[source] postcard::Error),
}

/// Lengths and header of a message; the payload follows it on the wire.
pub fn encode<M: Serialize>(message: &M, payload_bytes: usize) -> Result<Bytes, FramingError> {
    let header = postcard::to_allocvec(message).map_err(FramingError::Header)?;
    let header_len = u32::try_from(header.len()).unwrap_or(u32::MAX);
    let payload_len = u32::try_from(payload_bytes).unwrap_or(u32::MAX);
    if header_len > MAX_HEADER_BYTES || payload_len > MAX_PAYLOAD_BYTES {
        return Err(FramingError::TooLong { header: header_len, payload: payload_len });
    }
    let mut frame = Vec::with_capacity(8 + header.len());
    frame.extend_from_slice(&header_len.to_be_bytes());
    frame.extend_from_slice(&payload_len.to_be_bytes());
    frame.extend_from_slice(&header);
    Ok(frame.into())
}

/// Takes the next whole message out of what was read; `None` if more must be read first.
pub fn decode<M: DeserializeOwned>(
    read: &mut BytesMut,
) -> Result<Option<(M, Bytes)>, FramingError> {
    let Some(lengths) = read.first_chunk::<8>() else { return Ok(None) };
    let [h0, h1, h2, h3, p0, p1, p2, p3] = *lengths;
    let header = u32::from_be_bytes([h0, h1, h2, h3]);
    let payload = u32::from_be_bytes([p0, p1, p2, p3]);
    if header > MAX_HEADER_BYTES || payload > MAX_PAYLOAD_BYTES {
        return Err(FramingError::TooLong { header, payload });
    }
    // Both are bounded above, so that they fit on any machine.
    let (header_len, payload_len) = (header as usize, payload as usize);
    let whole = 8 + header_len + payload_len;
    if read.len() < whole {
        read.reserve(whole - read.len());
        return Ok(None);
    }
    read.advance(8);
    let header = read.split_to(header_len);
    let payload = read.split_to(payload_len).freeze();
    let message = postcard::from_bytes(&header).map_err(FramingError::Header)?;
    Ok(Some((message, payload)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tarsier_types::StreamKind;

    use super::*;
    use crate::ToRecorder;

    #[test]
    fn a_length_beyond_the_limit_ends_the_connection_at_once() {
        let mut read = BytesMut::from(&[0xff_u8; 8][..]);
        let error = decode::<ToRecorder>(&mut read).unwrap_err();
        assert!(matches!(error, FramingError::TooLong { .. }), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_however_it_is_cut(
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            cut in 0_usize..320,
        ) {
            let message = ToRecorder::Subscribe(StreamKind::Sub);
            let mut bytes = encode(&message, payload.len()).unwrap().to_vec();
            bytes.extend_from_slice(&payload);
            let cut = cut.min(bytes.len());
            let mut read = BytesMut::from(&bytes[..cut]);
            if cut < bytes.len() {
                prop_assert!(decode::<ToRecorder>(&mut read).unwrap().is_none());
            }
            read.extend_from_slice(&bytes[cut..]);
            let (back, data) = decode::<ToRecorder>(&mut read).unwrap().unwrap();
            prop_assert_eq!(back, message);
            prop_assert_eq!(&data[..], &payload[..]);
            prop_assert!(read.is_empty());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut read = BytesMut::from(&bytes[..]);
            let _ = decode::<crate::ToHub>(&mut read);
        }
    }
}
