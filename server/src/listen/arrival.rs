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

#[derive(Debug, Default)]
struct Moments {
    /// When the task was first told of bytes that it has not asked for yet.
    woken: Option<Joined>,
    /// When it last asked for bytes, if it was given some.
    asked: Option<Joined>,
    /// When the first bytes came that no request has taken yet.
    first: Option<Joined>,
    /// When the last ones came.
    last: Option<Joined>,
}

impl Arrivals {
    /// Those of a connection that was accepted just now.
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        let moments = Mutex::new(Moments { woken: Some(queue.join()), ..Moments::default() });
        Self { queue, reader: AtomicWaker::new(), moments }
    }

    /// When the one request that is there now joined the queue. Nobody gets ahead by what takes several reads.
    pub(super) fn take(&self) -> Joined {
        self.moments.lock().first.take().unwrap_or_else(|| self.queue.join())
    }

    /// The same of one of many streams, which come with the bytes that were read last.
    pub(super) fn last(&self) -> Joined {
        self.moments.lock().last.unwrap_or_else(|| self.queue.join())
    }

    /// Asks for bytes by `read`, and notes when those came that it gives.
    fn note<T>(&self, read: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let now = self.queue.join();
        let (woken, asked) = {
            let mut moments = self.moments.lock();
            (moments.woken.take(), moments.asked.take())
        };
        let read = read();
        let mut moments = self.moments.lock();
        if read.is_ready() {
            // What was there without a word came after it was last asked for: a connection that always has more has not waited
            // since its first byte.
            let came = woken.or(asked).unwrap_or(now);
            moments.first.get_or_insert(came);
            (moments.last, moments.asked) = (Some(came), Some(now));
        } else {
            // Whatever is there of a request, the rest has yet to come.
            moments.first = None;
        }
        read
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
        arrivals.note(|| Pin::new(stream).poll_read(&mut Context::from_waker(waker), buffer))
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
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn stream() -> (Arriving<tokio::io::DuplexStream>, tokio::io::DuplexStream, Arc<Queue>) {
        let (near, far) = tokio::io::duplex(64);
        let queue = Arc::new(Queue::default());
        let arrivals = Arc::new(Arrivals::new(Arc::clone(&queue)));
        (Arriving::new(near, arrivals), far, queue)
    }

    /// How many others had their turn since it came.
    fn ahead(stream: &Arriving<tokio::io::DuplexStream>, queue: &Queue) -> u64 {
        queue.turn(&stream.arrivals.take(), Instant::now()).ahead()
    }

    fn others_have_their_turn(queue: &Queue, count: u64) {
        (0..count).for_each(|_| {
            queue.turn(&queue.join(), Instant::now());
        });
    }

    /// One thread: what the other end has written is read when this task has its turn again.
    #[tokio::test]
    async fn what_came_while_others_had_their_turn_has_waited() {
        let (mut near, mut far, queue) = stream();
        let mut buffer = [0; 8];
        for _ in 0..2 {
            let reading = async {
                let read = near.read(&mut buffer).await.unwrap();
                (read, ahead(&near, &queue))
            };
            let writing = async {
                // The reader waits for it by now.
                tokio::task::yield_now().await;
                others_have_their_turn(&queue, 5);
                far.write_all(b"request").await.unwrap();
                others_have_their_turn(&queue, 30);
            };
            assert_eq!(tokio::join!(reading, writing).0, (7, 30));
        }
    }

    /// Whoever sends many requests at once, or many streams over one connection, is never waited for.
    #[tokio::test]
    async fn what_comes_without_a_pause_has_not_waited_since_its_first_byte() {
        let (mut near, mut far, queue) = stream();
        far.write_all(&[0; 64]).await.unwrap();
        for _ in 0..20 {
            near.read_exact(&mut [0; 2]).await.unwrap();
            near.arrivals.take();
            others_have_their_turn(&queue, 5);
        }
        near.read_exact(&mut [0; 2]).await.unwrap();
        assert_eq!(ahead(&near, &queue), 5);
    }

    /// Fields that make a head too long for one read do not make its wait shorter.
    #[tokio::test]
    async fn a_request_of_several_reads_has_waited_since_the_first() {
        let (mut near, mut far, queue) = stream();
        far.write_all(&[0; 64]).await.unwrap();
        others_have_their_turn(&queue, 9);
        for _ in 0..4 {
            near.read_exact(&mut [0; 16]).await.unwrap();
        }
        assert_eq!(queue.turn(&near.arrivals.last(), Instant::now()).ahead(), 0, "of many streams");
        assert_eq!(ahead(&near, &queue), 10);
        assert_eq!(ahead(&near, &queue), 0, "it was taken");
    }

    /// What was begun long ago, and never finished, is no request that waits.
    #[tokio::test]
    async fn half_a_request_does_not_wait() {
        let (mut near, mut far, queue) = stream();
        let mut buffer = [0; 8];
        far.write_all(b"GET ").await.unwrap();
        assert_eq!(near.read(&mut buffer).await.unwrap(), 4);
        others_have_their_turn(&queue, 9);
        let reading = async {
            let read = near.read(&mut buffer).await.unwrap();
            (read, ahead(&near, &queue))
        };
        let writing = async {
            tokio::task::yield_now().await;
            far.write_all(b"/").await.unwrap();
            others_have_their_turn(&queue, 3);
        };
        assert_eq!(tokio::join!(reading, writing).0, (1, 3));
    }

    #[tokio::test]
    async fn a_connection_waits_from_its_beginning() {
        let (mut near, mut far, queue) = stream();
        far.write_all(b"request").await.unwrap();
        others_have_their_turn(&queue, 9);
        assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 7);
        assert_eq!(ahead(&near, &queue), 9);
    }
}
