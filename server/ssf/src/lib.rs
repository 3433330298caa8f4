//! Signals shared with other parties (OpenID Shared Signals Framework 1.0): security event tokens, streams, meaning.
