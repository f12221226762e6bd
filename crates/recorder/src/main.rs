//! recorder
fn main() {}
