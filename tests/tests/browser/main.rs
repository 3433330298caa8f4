//! The stories of a real Chromium and a real `holdfast dev`, over HTTPS under a CA that the browser trusts.
//!
//! Cookies do not expire by themselves here, they are deleted: to Chromium that is the same. The bound cookie lives
//! for ten minutes, so no refresh is proactive. The demo's home page asks for `/state` each second, and so would
//! refresh on its own; what a story does to cookies, it does on the quiet private page.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing member of an answer reads as null, and fails the test"
)]

mod audience;
mod blocking_refresh;
mod foreign_link;
mod full_disk;
mod login_from_elsewhere;
mod logout;
mod registration;
mod restart;
mod stage;
mod stolen_cookie;
mod timeline;
mod wiped_store;
