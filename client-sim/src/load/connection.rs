//! HTTP/1.1 over one kept-alive TCP connection, one exchange at a time.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use crate::Failure;

/// A connection with the bytes of the last answer.
pub(super) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// Where the parts of the last answer are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    /// The length of status line and headers.
    length: usize,
    body: Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Chunked,
    Length(usize),
}

impl Connection {
    pub(super) async fn open(url: &Url) -> Result<Self, Failure> {
        if url.scheme() != "http" {
            return Err(Failure::Usage(format!("load speaks plain http only, and {url} is not")));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let failed = |error: std::io::Error| Failure::network(&format!("connecting to {url}"), error);
        let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Self { stream, received: Vec::with_capacity(BUFFER) })
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Head, Failure> {
        self.received.clear();
        self.stream.write_all(request).await.map_err(lost)?;
        let head = loop {
            self.read_more().await?;
            if let Some(head) = parse(&self.received)? {
                break head;
            }
        };
        while !self.is_complete(head)? {
            self.read_more().await?;
        }
        Ok(head)
    }

    /// A header of the last answer.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(&self.received).ok()?;
        let values = response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        let values: Vec<&str> = values.filter_map(|header| std::str::from_utf8(header.value).ok()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Every `Set-Cookie` line of the last answer.
    pub(super) fn set_cookies(&self) -> Vec<String> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        if response.parse(&self.received).is_err() {
            return Vec::new();
        }
        let lines = response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("set-cookie"));
        lines.map(|header| String::from_utf8_lossy(header.value).into_owned()).collect()
    }

    /// The body of the last answer, with chunks joined.
    pub(super) fn body(&self, head: Head) -> Vec<u8> {
        let raw = self.received.get(head.length..).unwrap_or_default();
        match head.body {
            Body::Length(_) => raw.to_vec(),
            Body::Chunked => chunks(raw).ok().flatten().unwrap_or_default(),
        }
    }

    /// Whether these bytes stand somewhere in the last answer.
    pub(super) fn contains(&self, part: &[u8]) -> bool {
        self.received.windows(part.len()).any(|window| window == part)
    }

    async fn read_more(&mut self) -> Result<(), Failure> {
        if self.received.len() > MAX_ANSWER {
            return Err(Failure::Answer("an answer of more than 1 MiB".to_owned()));
        }
        match self.stream.read_buf(&mut self.received).await.map_err(lost)? {
            0 => Err(Failure::Network("the server hung up".to_owned())),
            _ => Ok(()),
        }
    }

    fn is_complete(&self, head: Head) -> Result<bool, Failure> {
        match head.body {
            Body::Length(length) => Ok(self.received.len() >= head.length.saturating_add(length)),
            Body::Chunked => Ok(chunks(self.received.get(head.length..).unwrap_or_default())?.is_some()),
        }
    }
}

/// Status line and headers, once they are all there.
fn parse(received: &[u8]) -> Result<Option<Head>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(received).map_err(|error| Failure::Answer(format!("not HTTP: {error}")))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let status = response.code.unwrap_or(0);
    let mut body = Body::Length(0);
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).unwrap_or_default();
            body = Body::Length(text.trim().parse().unwrap_or(0));
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            body = Body::Chunked;
        }
    }
    if matches!(status, 204 | 304) {
        body = Body::Length(0);
    }
    Ok(Some(Head { status, length, body }))
}

/// The joined chunks, once the last one is there.
fn chunks(mut raw: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let mut joined = Vec::new();
    loop {
        let parsed = httparse::parse_chunk_size(raw);
        let parsed = parsed.map_err(|_| Failure::Answer("not a chunk size".to_owned()))?;
        let httparse::Status::Complete((start, size)) = parsed else { return Ok(None) };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let end = start.saturating_add(size);
        let (Some(chunk), Some(rest)) = (raw.get(start..end), raw.get(end.saturating_add(2)..)) else {
            return Ok(None);
        };
        if size == 0 {
            return Ok(Some(joined));
        }
        joined.extend_from_slice(chunk);
        raw = rest;
    }
}

fn lost(error: std::io::Error) -> Failure {
    Failure::network("on an open connection", error)
}

/// Room for an ordinary answer without growing.
const BUFFER: usize = 16 * 1024;

/// More headers than any answer of Holdfast has.
const MAX_HEADERS: usize = 48;

/// No answer is longer.
const MAX_ANSWER: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_known_when_it_is_complete() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert!(parse(&answer[..20]).unwrap().is_none());
        let head = parse(answer).unwrap().unwrap();
        assert_eq!((head.status, head.length, head.body), (200, 38, Body::Length(2)));
    }

    #[test]
    fn chunks_are_joined_when_the_last_one_is_there() {
        assert_eq!(chunks(b"2\r\nab\r\n1\r\nc\r\n0\r\n").unwrap(), None);
        assert_eq!(chunks(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n").unwrap().unwrap(), b"abc");
    }
}
