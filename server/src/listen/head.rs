//! The beginning of a connection, until the header fields of its first request are there.
//!
//! The HTTP library takes some 20 KB for a connection from its first byte on. Who never comes to the end of his header
//! fields (slowloris) waits here instead, in little more memory than what he has sent.

use std::{future::poll_fn, io, pin::Pin, task::ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Adds to `head` what comes, until it is for the HTTP library to judge: a whole head or none at all, one that has grown
/// long, or the end of the stream. Dropping the future loses nothing: what came is in `head`.
///
/// # Errors
/// Those of the stream.
pub(super) async fn read_head(stream: &mut (impl AsyncRead + Unpin), head: &mut Vec<u8>) -> io::Result<()> {
    while head.len() < LONG {
        let read = poll_fn(|cx| {
            // Not a part of the task: it is needed while something comes, and not while nothing does.
            let mut scratch = [0; LONG];
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer))?;
            head.extend_from_slice(buffer.filled());
            std::task::Poll::Ready(io::Result::Ok(buffer.filled().len()))
        })
        .await?;
        if read == 0 || !is_unfinished(head) {
            break;
        }
    }
    Ok(())
}

/// Whether this is the beginning of a request, and more of it has to come.
fn is_unfinished(head: &[u8]) -> bool {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    matches!(request.parse(head), Ok(httparse::Status::Partial))
}

/// A head of a browser is shorter. Who sends as much as this pays for what he gets.
const LONG: usize = 4096;

/// More than browsers send. A head with more is for the library to judge.
const MOST_FIELDS: usize = 64;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// What is read of these pieces, if they do not leave it waiting.
    async fn read(pieces: &[&[u8]], then_ends: bool) -> Option<Vec<u8>> {
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        let mut head = Vec::new();
        let mut reading = Box::pin(read_head(&mut near, &mut head));
        let mut is_done = false;
        for piece in pieces {
            assert!(!is_done, "it has read enough before {piece:?}");
            far.write_all(piece).await.unwrap();
            is_done = reading.as_mut().now_or_never().is_some();
        }
        if then_ends && !is_done {
            drop(far);
            is_done = reading.as_mut().now_or_never().is_some();
        }
        drop(reading);
        is_done.then_some(head)
    }

    #[tokio::test]
    async fn a_whole_head_is_passed_on_with_what_follows() {
        let whole: &[u8] = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody";
        assert_eq!(read(&[whole], false).await.as_deref(), Some(whole));
        let (first, second) = whole.split_at(20);
        assert_eq!(read(&[first, second], false).await.as_deref(), Some(whole));
        let bytes: Vec<&[u8]> = whole.chunks(1).take(whole.len() - 4).collect();
        assert_eq!(read(&bytes, false).await.as_deref(), whole.get(..whole.len() - 4));
        assert!(read(&[b"GET / HTTP/1.1\n\n"], false).await.is_some(), "a bare line feed is one too");
    }

    #[tokio::test]
    async fn a_head_that_is_not_whole_is_waited_for() {
        for part in [&b""[..], b"\r\n", b"GET", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nhost: x\r\n"] {
            assert_eq!(read(&[part], false).await, None, "{part:?}");
            assert_eq!(read(&[part], true).await.as_deref(), Some(part), "the client hangs up");
        }
    }

    #[tokio::test]
    async fn what_is_no_head_is_not_waited_for() {
        let many =
            b"GET / HTTP/1.1\r\n".iter().chain(b"a: b\r\n".repeat(65).iter()).copied().collect::<Vec<_>>();
        let long = [&b"GET / HTTP/1.1\r\nlong: "[..], &[b'x'; LONG]].concat();
        for none in
            [&b"\x16\x03\x01\x02\x00"[..], b"GET / SPDY/3\r\n", b"GET / HTTP/1.1\r\n\0: x\r\n", &many, &long]
        {
            let read = read(&[none], false).await;
            assert_eq!(read.as_deref(), none.get(..none.len().min(LONG)));
        }
    }
}
