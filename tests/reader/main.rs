//! The reader, given what a real API server returned.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test says where it stops"
)]

#[path = "../common/fixtures.rs"]
mod fixtures;
mod protobuf;
mod recorded;
mod stream;
mod surroundings;
