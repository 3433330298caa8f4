//! A configuration for unit tests.

/// The smallest one that there is, with the hash of the app's token and whatever else is to stand in it. Keys of the app
/// come first in `more`.
pub(crate) fn smallest(token_sha256: &str, more: &str) -> String {
    format!(
        r#"
[public]
listen = "127.0.0.1:0"
tls = "off"
[internal]
listen = "127.0.0.1:0"
[[apps]]
name = "shop"
origin = "https://shop.example"
token_sha256 = "{token_sha256}"
{more}
[secrets]
root_key_file = "root.key"
"#
    )
}
