//! The program as the hub starts it: bytes in, a picture out, an exit code that says what happened.
#![expect(clippy::unwrap_used, reason = "a test ends where something cannot be done")]

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Output, Stdio};

use tarsier_wire::ExitCode;

const THREE_COLOURS: &[u8] = include_bytes!("../../../tests/fixtures/x264_three_colours_av.mp4");

fn start(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tarsier-transcoder"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = start(arguments);
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn exit_of(output: &Output) -> Option<ExitCode> {
    output.status.code().and_then(ExitCode::from_code)
}

#[test]
fn fragmented_mp4_becomes_one_picture() {
    let output = run(
        &["still", "--max-width", "160", "--quality", "70", "--at-ticks", "50000"],
        THREE_COLOURS,
    );
    assert_eq!(
        exit_of(&output),
        Some(ExitCode::Done),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.stdout.starts_with(&[0xff, 0xd8, 0xff]), "a JPEG and nothing else");
    assert!(output.stderr.is_empty(), "nothing to say");
    let png = run(&["still", "--format", "png"], THREE_COLOURS);
    assert!(png.stdout.starts_with(b"\x89PNG"));
}

#[test]
fn bytes_that_are_no_video_are_an_error_in_words() {
    let output = run(&["still"], b"nothing of the kind");
    assert_eq!(exit_of(&output), Some(ExitCode::Failed));
    assert!(output.stdout.is_empty(), "no half a picture");
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("no video") && words.lines().count() == 1, "{words}");
}

#[test]
fn arguments_that_make_no_sense_are_a_bad_configuration() {
    for arguments in
        [&["still", "--quality", "0"][..], &["still", "--max-width", "wide"], &["film"], &[]]
    {
        assert_eq!(exit_of(&run(arguments, b"")), Some(ExitCode::BadConfig), "{arguments:?}");
    }
}

#[test]
fn more_than_64_mib_is_refused() {
    let mut child = start(&["still"]);
    let mut input = child.stdin.take().unwrap();
    let piece = vec![0; 1 << 20];
    // The program stops reading after 64 MiB and one byte; the pipe breaks then at the latest.
    let written = (0..70).take_while(|_| input.write_all(&piece).is_ok()).count();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(exit_of(&output), Some(ExitCode::Failed), "{written} MiB were taken");
    assert!(String::from_utf8_lossy(&output.stderr).contains("longer than"), "it says why");
}

#[test]
fn it_ends_although_its_input_does_not() {
    let mut child = start(&["still"]);
    let mut input = child.stdin.take().unwrap();
    input.write_all(&THREE_COLOURS[..1000]).unwrap();
    // Its own deadline ends it: waiting for the end of its standard error is waiting for that.
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    let code = child.wait().unwrap().code();
    drop(input);
    assert_eq!(code.and_then(ExitCode::from_code), Some(ExitCode::Failed), "{words}");
    assert!(words.contains("within 10 s"), "{words}");
}
