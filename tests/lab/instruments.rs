//! What tests measure with while the binary works: requests, admissions, an outage, and how long restarts alone take.
//!
//! * [`clients`]: what the clients in the mesh have counted; each of their requests makes a connection of its own
//! * [`admissions`]: pods that are created, but for the last step, twenty times a second
//! * [`outage`]: when the first request goes through again, and when every client reaches every target
//! * [`restarts`]: the floor against which a recovery is read

pub mod admissions;
pub mod clients;
pub mod outage;
pub mod restarts;
