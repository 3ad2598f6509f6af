//! A mesh in memory, with Linkerd's own rules: the other side of the port. Rehearsals and property tests run on it.
//!
//! Its time is its own: a pause makes everything happen that falls into it, in order, and after each happening every
//! pair of live proxies is tried. So a day of waiting takes milliseconds, and a moment of refusal is not missed.

mod broken;
mod example;
mod fault;
mod identity;
mod likeness;
mod linked;
mod materials;
mod pod;
mod port;
mod reading;
mod sign;
mod time;
mod webhooks;
mod workload;
mod world;

pub use broken::Broken;
pub use example::example;
pub use fault::Fault;
pub use likeness::NoLikeness;
pub use materials::{Made, Remedy};
pub use port::Simulation;
pub use sign::NotSigned;
pub use webhooks::Uncalled;
pub use world::{Refused, World};
