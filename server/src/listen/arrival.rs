//! When what is read from a connection came: as soon as the runtime was told of it, and long before its task has its turn if
//! there is much to do.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::{Joined, Queue};

/// When the last bytes of a connection came.
#[derive(Debug)]
pub(super) struct Arrivals {
    queue: Arc<Queue>,
    /// Of the task that reads.
    reader: AtomicWaker,
    moments: Mutex<Moments>,
}

#[derive(Debug)]
struct Moments {
    /// When the task was first told of bytes that it has not asked for yet.
    woken: Option<Joined>,
    /// When it last asked for bytes.
    asked: Joined,
    /// When those came that it was given last, or later.
    last: Joined,
}

impl Arrivals {
    /// Those of a connection that was accepted just now.
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        let now = queue.join();
        let moments = Mutex::new(Moments { woken: Some(now), asked: now, last: now });
        Self { queue, reader: AtomicWaker::new(), moments }
    }

    /// When the request that is there now joined the queue.
    pub(super) fn last(&self) -> Joined {
        self.moments.lock().last
    }

    /// When the task was told of bytes since it last asked for some, and when that was.
    fn ask(&self) -> (Option<Joined>, Joined) {
        let now = self.queue.join();
        let mut moments = self.moments.lock();
        (moments.woken.take(), std::mem::replace(&mut moments.asked, now))
    }
}

impl Wake for Arrivals {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The first of several: from then on the task has been waiting for its turn.
        self.moments.lock().woken.get_or_insert_with(|| self.queue.join());
        self.reader.wake();
    }
}

/// A stream that notes its [`Arrivals`].
pub(super) struct Arriving<S> {
    stream: S,
    arrivals: Arc<Arrivals>,
    waker: Waker,
}

impl<S> Arriving<S> {
    pub(super) fn new(stream: S, arrivals: Arc<Arrivals>) -> Self {
        let waker = Waker::from(Arc::clone(&arrivals));
        Self { stream, arrivals, waker }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Arriving<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, arrivals, waker } = self.get_mut();
        arrivals.reader.register(cx.waker());
        let (woken, asked) = arrivals.ask();
        let read = Pin::new(stream).poll_read(&mut Context::from_waker(waker), buffer);
        if read.is_ready() {
            // What was there without a word came after it was last asked for: a connection that always has more has not waited
            // since its first byte.
            arrivals.moments.lock().last = woken.unwrap_or(asked);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Arriving<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn stream() -> (Arriving<tokio::io::DuplexStream>, tokio::io::DuplexStream, Arc<Queue>) {
        let (near, far) = tokio::io::duplex(64);
        let queue = Arc::new(Queue::default());
        let arrivals = Arc::new(Arrivals::new(Arc::clone(&queue)));
        (Arriving::new(near, arrivals), far, queue)
    }

    fn waited(stream: &Arriving<tokio::io::DuplexStream>, queue: &Queue) -> Duration {
        queue.turn(&stream.arrivals.last(), Instant::now()).time
    }

    /// One thread: what the other end has written is read when this task has its turn again.
    #[tokio::test]
    async fn what_came_while_others_had_their_turn_has_waited() {
        let (mut near, mut far, queue) = stream();
        let mut buffer = [0; 8];
        let busy = Duration::from_millis(30);
        for _ in 0..2 {
            let reading = async {
                let read = near.read(&mut buffer).await.unwrap();
                (read, waited(&near, &queue))
            };
            let writing = async {
                // The reader waits for it by now.
                tokio::task::yield_now().await;
                far.write_all(b"request").await.unwrap();
                std::thread::sleep(busy);
            };
            let ((read, waited), ()) = tokio::join!(reading, writing);
            assert!(read == 7 && waited >= busy, "{waited:?}");
        }
    }

    /// Whoever sends many requests at once, or many streams over one connection, is never waited for.
    #[tokio::test]
    async fn what_comes_without_a_pause_has_not_waited_since_its_first_byte() {
        let (mut near, mut far, queue) = stream();
        far.write_all(&[0; 64]).await.unwrap();
        for _ in 0..20 {
            near.read_exact(&mut [0; 2]).await.unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        near.read_exact(&mut [0; 2]).await.unwrap();
        let waited = waited(&near, &queue);
        assert!(waited >= Duration::from_millis(5) && waited < Duration::from_millis(50), "{waited:?}");
    }

    #[tokio::test]
    async fn a_connection_waits_from_its_beginning() {
        let (mut near, mut far, queue) = stream();
        far.write_all(b"request").await.unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 7);
        assert!(waited(&near, &queue) >= Duration::from_millis(20));
    }
}
