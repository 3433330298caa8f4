//! A body that has to come in time.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{limits::Limit, telemetry::Metrics};

/// Ends with an error when it has not come in `patience`, and one second more for each 16 KiB: whoever sends little has
/// little time, and whoever sends much has to go on sending.
pub(super) struct Timely<B> {
    body: B,
    patience: Duration,
    /// From the first moment that nothing was there.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    bytes: usize,
    metrics: Arc<Metrics>,
}

impl<B> Timely<B> {
    pub(super) const fn new(body: B, patience: Duration, metrics: Arc<Metrics>) -> Self {
        Self { body, patience, waiting: None, bytes: 0, metrics }
    }
}

impl<B> Body for Timely<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                let came = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                this.bytes = this.bytes.saturating_add(came.map_or(0, Bytes::len));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let earned = Duration::from_secs(u64::try_from(this.bytes / BYTES_A_SECOND).unwrap_or(0));
                let allowed = this.patience.saturating_add(earned);
                let (began, timer) = this.waiting.get_or_insert_with(|| {
                    let now = Instant::now();
                    (now, Box::pin(sleep_until(now + allowed)))
                });
                let deadline = *began + allowed;
                if timer.deadline() != deadline {
                    timer.as_mut().reset(deadline);
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.metrics.limited(Limit::BodyTimeout);
                Poll::Ready(Some(Err(Box::new(TooSlow))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[derive(Debug)]
struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body did not come in time")
    }
}

impl std::error::Error for TooSlow {}

const BYTES_A_SECOND: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    /// A body that sends `size` bytes after each pause.
    async fn read(count: usize, size: usize, pause: Duration) -> Result<usize, String> {
        let frames = stream::unfold(0, move |sent| async move {
            tokio::time::sleep(pause).await;
            let frame = Ok::<_, Infallible>(Frame::data(Bytes::from(vec![0; size])));
            (sent < count).then_some((frame, sent + 1))
        });
        let body = Timely::new(
            StreamBody::new(Box::pin(frames)),
            Duration::from_millis(300),
            Arc::new(Metrics::new()),
        );
        let collected = body.collect().await.map_err(|error| error.to_string())?;
        Ok(collected.to_bytes().len())
    }

    #[tokio::test]
    async fn a_drip_is_ended_and_a_stream_goes_on() {
        let millis = Duration::from_millis;
        assert!(read(1000, 1, millis(20)).await.is_err());
        assert!(read(1, 1, millis(2000)).await.is_err());
        assert_eq!(read(2, 1, millis(1)).await, Ok(2));
        assert_eq!(read(50, 16 * 1024, millis(20)).await, Ok(50 * 16 * 1024), "for longer than its patience");
    }
}
