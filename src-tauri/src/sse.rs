//! Brain: bytes of a `text/event-stream` -> its messages (WHATWG HTML, section 9.2.6).
//!
//! Whatever the pieces in which the bytes come. What does not belong here: the connection, what a message means.

/// A line longer than this is no event of ours; the stream is given up.
const MAX_LINE_BYTES: usize = 1 << 20;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The last `id:` seen, which is what to resume by.
    pub(crate) id: Option<String>,
    /// The `data:` lines, joined.
    pub(crate) data: String,
}

/// The stream has a line that never ends.
#[derive(Debug, thiserror::Error)]
#[error("a line of the event stream is longer than {MAX_LINE_BYTES} bytes")]
pub(crate) struct EndlessLine;

/// Where in a stream we are.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    id: Option<String>,
    data: Option<String>,
    after_cr: bool,
}

impl Parser {
    /// Takes the next bytes; answers with the messages that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Message>, EndlessLine> {
        let mut messages = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    messages.extend(self.line(&String::from_utf8_lossy(&line)));
                }
                _ => {
                    self.after_cr = false;
                    if self.line.len() == MAX_LINE_BYTES {
                        return Err(EndlessLine);
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(messages)
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let data = self.data.take()?;
            return Some(Message { id: self.id.clone(), data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            _ => {} // comments (keep-alive), event, retry: nothing that we switch on
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b": hello\n\nid: 7\nevent: camera_offline\ndata: {\"a\":\ndata: 1}\n\n: keep-alive\n\ndata: x\r\n\r\n";

    fn expected() -> Vec<Message> {
        vec![
            Message { id: Some("7".to_owned()), data: "{\"a\":\n1}".to_owned() },
            Message { id: Some("7".to_owned()), data: "x".to_owned() },
        ]
    }

    #[test]
    fn the_same_messages_come_out_however_the_bytes_are_cut() {
        for piece in 1..=STREAM.len() {
            let mut parser = Parser::default();
            let messages: Vec<Message> = STREAM
                .chunks(piece)
                .flat_map(|bytes| parser.push(bytes).expect("short lines"))
                .collect();
            assert_eq!(messages, expected(), "in pieces of {piece} bytes");
        }
    }

    #[test]
    fn a_stream_that_never_ends_its_line_does_not_fill_the_memory() {
        let mut parser = Parser::default();
        assert!(parser.push(&vec![b'x'; MAX_LINE_BYTES]).is_ok(), "the limit itself is allowed");
        assert!(parser.push(b"x").is_err(), "one byte more is refused");
    }
}
