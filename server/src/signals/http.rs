//! Posting to other servers, with patience that ends and answers that do not grow.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};

use crate::issuers::describe;

/// What is posted.
pub(super) struct Post<'a> {
    pub(super) url: &'a str,
    /// The whole value of `Authorization`.
    pub(super) authorization: Option<&'a str>,
    pub(super) media: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) patience: Duration,
    /// The largest answer that is read.
    pub(super) most_bytes: usize,
}

/// Posts, and reads the answer. Redirects are not followed: where a client is sent is not where it was allowed to go.
///
/// # Errors
/// A clause for the log, without address and secrets.
pub(super) async fn post(client: &reqwest::Client, post: Post<'_>) -> Result<(StatusCode, Vec<u8>), String> {
    let mut request = client
        .post(post.url)
        .timeout(post.patience)
        .header(header::CONTENT_TYPE, post.media)
        .header(header::ACCEPT, "application/json")
        .body(post.body);
    if let Some(authorization) = post.authorization {
        let mut value = HeaderValue::try_from(authorization)
            .map_err(|_| "its token is none that a header can carry".to_owned())?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    let mut response = request.send().await.map_err(|error| describe(&error))?;
    let status = response.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| describe(&error))? {
        if bytes.len() + chunk.len() > post.most_bytes {
            return Err("its answer is too large".to_owned());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((status, bytes))
}
