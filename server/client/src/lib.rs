//! What an app behind Holdfast needs: [`AssertionLayer`] verifies `Holdfast-Assertion` on each request and puts the
//! [`Identity`] into its extensions; [`Api`] calls the internal API. It knows nothing of the server's code.

mod api;
mod assertion;
mod keys;
mod layer;

pub use api::{Api, Begun, Error};
pub use assertion::{Binding, Identity, Refusal, Verifier};
pub use layer::{AssertionGuard, AssertionLayer};
