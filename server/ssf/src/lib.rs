//! Signals shared with other parties (OpenID Shared Signals Framework 1.0, CAEP 1.0, RISC 1.0): pure rules, without IO,
//! clock or randomness.
//!
//! A security event token (RFC 8417) comes in as text. [`UnverifiedSet`] reads it and gives out what is needed to find its
//! key; [`UnverifiedSet::verify`] judges it against an [`Expectation`] and gives a [`VerifiedSet`], or a [`SetRejection`]
//! with a stable code. Its [`events`](VerifiedSet::events) say what happened, its [`Subject`] to whom.
//!
//! The other way round, [`Claims`] is a token to be signed, [`StreamRequest`] what a receiver wants of a stream, and
//! [`poll`] what both sides say when one fetches tokens (RFC 8936).

pub mod claims;
pub mod event;
pub mod poll;
mod rejection;
mod set;
pub mod stream;
mod subject;

pub use claims::Claims;
pub use event::{Entity, Event, EventType, Happened, RiskLevel};
pub use rejection::{DeliveryError, SetRejection};
pub use set::{Expectation, MEDIA_TYPE, UnverifiedSet, VerifiedSet};
pub use stream::StreamRequest;
pub use subject::{Identifier, Subject};
