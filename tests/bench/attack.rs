//! What strangers do to a server, from sixteen addresses of the loopback network. Runs in a process of its own, which
//! gets of its core what nobody else wants, so that the honest client beside it is not what suffers first.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

/// Attacks a listener and prints how often. `idle` prints its line when all connections are open, and then holds them.
pub(crate) fn run(kind: &str, at: SocketAddr, seconds: u32) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(u64::from(seconds));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let done = match kind {
            "garbage" => each(64, move |number| garbage(at, number, end)).await?,
            "headers" => each(32, move |number| headers(at, number, end)).await?,
            "idle" => return hold(at, end).await,
            "slowloris" => each(4_000, move |number| slowly(at, number, end)).await?,
            _ => bail!("the attacks are garbage, headers, idle and slowloris"),
        };
        writeln!(std::io::stdout(), "{done}")?;
        Ok(())
    })
}

/// So many attackers at once, and what they did together.
async fn each<F>(attackers: u32, attack: impl Fn(u32) -> F) -> Result<u64>
where
    F: Future<Output = u64> + Send + 'static,
{
    let mut tasks: JoinSet<u64> = (0..attackers).map(attack).collect();
    let mut done = 0;
    while let Some(count) = tasks.join_next().await {
        done += count?;
    }
    Ok(done)
}

/// Requests that are none, and requests for nothing; counts them. Most of one connection are sent in one piece.
async fn garbage(at: SocketAddr, number: u32, end: Instant) -> u64 {
    let mut sent = 0;
    while Instant::now() < end {
        let Some(mut stream) = pause_if_none(connect(at, number).await).await else { continue };
        let (mut batch, mut count) = (Vec::new(), 0);
        for kind in 0..PER_CONNECTION {
            batch.extend_from_slice(&nonsense(number.wrapping_mul(31).wrapping_add(kind)));
            count += 1;
        }
        batch.extend_from_slice(b"\x16\x03\x01 \0 this is no HTTP at all \xff\xfe\r\n\r\n");
        if stream.write_all(&batch).await.is_ok() {
            sent += count + 1;
        }
        drain(&mut stream, end).await;
    }
    sent
}

/// A request of the kind that finds nothing: no such path, cookie, proof, session, nor body.
fn nonsense(seed: u32) -> Vec<u8> {
    let junk = format!("{:08x}", seed.wrapping_mul(2_654_435_761)).repeat(12);
    let (line, fields) = match seed % 6 {
        0 => (format!("GET /{junk} HTTP/1.1"), String::new()),
        1 => ("GET /_holdfast/session HTTP/1.1".to_owned(), format!("cookie: __Host-holdfast={junk}\r\n")),
        2 => (
            "POST /_holdfast/dbsc/refresh HTTP/1.1".to_owned(),
            format!("sec-secure-session-id: {junk}\r\nsecure-session-response: {junk}.{junk}.{junk}\r\n"),
        ),
        3 => (
            "POST /_holdfast/dbsc/register HTTP/1.1".to_owned(),
            format!("secure-session-response: {junk}.{junk}.{junk}\r\n"),
        ),
        4 => ("POST /_holdfast/oauth/token HTTP/1.1".to_owned(), format!("dpop: {junk}\r\n")),
        _ => ("BREW /_holdfast/%00%ff/../.. HTTP/1.1".to_owned(), String::new()),
    };
    format!("{line}\r\nhost: bench.example\r\ncontent-length: 0\r\n{fields}\r\n").into_bytes()
}

/// Header fields of 64 KiB in each request; counts the answers.
async fn headers(at: SocketAddr, number: u32, end: Instant) -> u64 {
    let mut request = b"GET /_holdfast/session HTTP/1.1\r\nhost: bench.example\r\n".to_vec();
    for field in 0..8 {
        request.extend_from_slice(format!("x-bomb-{field}: {}\r\n", "b".repeat(8 * 1024 - 14)).as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    let (mut answered, mut buffer) = (0, vec![0; 4096]);
    while Instant::now() < end {
        let Some(mut stream) = pause_if_none(connect(at, number).await).await else { continue };
        while Instant::now() < end && stream.write_all(&request).await.is_ok() {
            match tokio::time::timeout_at(end.into(), stream.read(&mut buffer)).await {
                Ok(Ok(read)) if read > 0 => answered += 1,
                _ => break,
            }
        }
    }
    answered
}

/// A header field every second, and never the last; counts the connections.
async fn slowly(at: SocketAddr, number: u32, end: Instant) -> u64 {
    let mut opened = 0;
    while Instant::now() < end {
        let Some(mut stream) = pause_if_none(connect(at, number).await).await else { continue };
        opened += 1;
        let mut line = "POST /_holdfast/dbsc/refresh HTTP/1.1\r\nhost: bench.example\r\n";
        while Instant::now() < end && stream.write_all(line.as_bytes()).await.is_ok() {
            line = "x-more: to come\r\n";
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    opened
}

/// Ten thousand connections that have asked once, kept open.
async fn hold(at: SocketAddr, end: Instant) -> Result<()> {
    let (mut held, mut buffer) = (Vec::new(), vec![0; 4096]);
    for number in 0..IDLE {
        let mut stream = connect(at, number).await.context("a connection was refused")?;
        stream.write_all(b"GET /_holdfast/session HTTP/1.1\r\nhost: bench.example\r\n\r\n").await?;
        if stream.read(&mut buffer).await? == 0 {
            bail!("a connection was closed");
        }
        held.push(stream);
    }
    // One that the server has closed meanwhile is not idle.
    let open = held.iter().filter(|stream| {
        stream.try_read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    });
    writeln!(std::io::stdout(), "{}", open.count())?;
    tokio::time::sleep_until(end.into()).await;
    Ok(())
}

/// From one of the attackers' addresses, none of which is trusted.
async fn connect(at: SocketAddr, number: u32) -> Option<TcpStream> {
    let from = Ipv4Addr::from(Ipv4Addr::new(127, 0, 1, 0).to_bits() + 1 + number % ADDRESSES);
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind((from, 0).into()).ok()?;
    socket.connect(at).await.ok()
}

/// A server that takes no connection is not asked a million times a second.
async fn pause_if_none(stream: Option<TcpStream>) -> Option<TcpStream> {
    if stream.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stream
}

/// Reads until the server hangs up.
async fn drain(stream: &mut TcpStream, end: Instant) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(Ok(1..)) = tokio::time::timeout_at(end.into(), stream.read(&mut buffer)).await {}
}

const ADDRESSES: u32 = 16;
const IDLE: u32 = 10_000;
const PER_CONNECTION: u32 = 19;
