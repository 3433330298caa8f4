//! Traefik's `ForwardAuth` and what it sends, byte for byte.
