//! The reader, given what a real API server returned.

#[path = "../common/fixtures.rs"]
mod fixtures;
mod protobuf;
mod recorded;
mod stream;
mod surroundings;
