//! Which servers are open, seen from outside: what was observed, and what is said of it.
//!
//! A prober and the output of other scanners become the same [`Observation`]s, and one classifier makes a [`Judged`] of
//! each. What counts, compares and reports works on those.

mod counted;
mod judged;
mod observation;
pub mod row;

pub use counted::{
    Assumed, CVES_MAX, Change, ChangeKind, Diff, Estimate, Exposure, Interval, Point, Run, SCHEMA, Server, Survey,
    Table, TableOfNetworks, Totals, Worded,
};
pub use judged::{BuildSeen, CveState, Evidence, EvidenceGroup, Identity, Judged, Precision, Product, State, Why};
pub use observation::{
    Banner, BannerProtocol, Certificate, Claim, ClaimKind, Favicon, Network, Observation, Outcome, Response, Scanner,
    Target, Tls,
};
