//! From what the API server returns to what a snapshot holds: pure functions, one a kind, nothing concluded.
//!
//! Everything is read leniently (see [`Object`]), and nothing of a private key, of raw YAML or of other Secret data is
//! kept.

mod duration;
mod object;
mod owner;
mod selector;
mod values;

pub mod cert_manager;
pub mod config_map;
pub mod event;
pub mod helm;
pub mod mesh;
pub mod secret;
pub mod webhook;

pub use object::Object;
pub use selector::Selector;
