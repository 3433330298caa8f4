//! The attacks, by what was stolen or forged.

pub(super) mod bound_cookie;
pub(super) mod cross_site;
pub(super) mod forged_proof;
pub(super) mod login_cookie;
pub(super) mod logout;
pub(super) mod no_cookie;
pub(super) mod own_key;
pub(super) mod stolen_proof;
