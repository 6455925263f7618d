//! The prober against real servers on this machine: that it never does what it must not, that nothing stalls or swells it, and
//! that it talks to servers of every year. Nothing is sent beyond 127.0.0.0/8 and ::1.

#![allow(clippy::unwrap_used)]

mod fleet;
mod hostile;
mod safety;
mod tls;
mod verdicts;
