//! The real binary against a real API server and real pods.
//!
//! * [`states`]: the lab's named states, one after the other on one cluster: the cause is named first.
//! * [`edits`]: changes and their undoing on whatever cluster is given, the lab's or one with a real Linkerd:
//!   `LINKERD_CERTS_TEST_CONTEXT` names a kubeconfig context that has Linkerd and the lab's workloads.
//! * [`port`]: the live side of the port, method by method.
//! * [`recorded`]: states that a real mesh's API server returned, served again by a real API server.
//! * [`recover`]: meshes in which nothing is signed any more, or what is signed is refused, brought back by one command.
//! * [`renew`]: webhook certificates, renewed while pods are created.
//! * [`rotate`]: rotations of the live mesh, to the end and through everything that interrupts them.
//! * [`surroundings`]: a user with few rights, a server that is not there or breaks off.
//!
//! Each test has a lab of its own as long as it runs, of `LINKERD_CERTS_TEST_LABS` (two where the machine is large enough);
//! the others wait. `LINKERD_CERTS_TEST_LAB` names another lab than the usual one; those beside it are called after it. On a
//! given context run with `--test-threads 1`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test says where it stops"
)]

mod edits;
mod harness;
mod instruments;
mod port;
mod recorded;
mod recover;
mod renew;
mod rotate;
mod states;
mod surroundings;
#[path = "../common/terminal.rs"]
#[allow(dead_code, reason = "other tests do more with it")]
mod terminal;
