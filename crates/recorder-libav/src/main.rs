//! recorder-libav
fn main() {}
