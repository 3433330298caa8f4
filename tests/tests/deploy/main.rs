//! What is in `server/deploy` is what it says: units that systemd takes, an image that has what it copies, manifests that
//! fit their configuration, rules that fire, and no metric that is not there.

#![expect(clippy::indexing_slicing, reason = "a member that is missing fails the test")]

mod docker;
mod files;
mod health;
mod kubernetes;
mod metrics;
mod prometheus;
mod syscalls;
mod systemd;
mod yaml;
