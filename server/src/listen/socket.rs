//! Where connections come from: a port, or a file that says who may connect.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::context::Peer;

/// A bound socket.
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// A connection.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(super) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                Ok((Stream::Tcp(stream), Peer::Address(peer.ip().to_canonical())))
            }
            Self::Unix(socket) => Ok((Stream::Unix(socket.listener.accept().await?.0), Peer::Socket)),
        }
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr(),
            Self::Unix(_) => Err(io::Error::other("a Unix socket has no address")),
        }
    }
}

/// A Unix socket and its file, which goes when this is dropped.
pub(crate) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl UnixSocket {
    /// Listens at a file, which owner and group may use (mode 0660). What a dead server has left there is replaced.
    ///
    /// # Errors
    /// If a server lives there, something else is in the way, or the system does not allow it.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        refuse_the_living(path)?;
        // Under another name first: nobody can connect before the mode is what it must be.
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(beside);
        let _ = fs::remove_file(&beside);
        let listener = UnixListener::bind(&beside)?;
        let placed = fs::set_permissions(&beside, fs::Permissions::from_mode(MODE))
            .and_then(|()| fs::metadata(&beside))
            .and_then(|metadata| fs::rename(&beside, path).map(|()| metadata.ino()));
        match placed {
            Ok(inode) => Ok(Self { listener, path: path.to_owned(), inode }),
            Err(error) => {
                let _ = fs::remove_file(&beside);
                Err(error)
            }
        }
    }
}

impl Drop for UnixSocket {
    /// Removes the file, unless it is another server's by now.
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn refuse_the_living(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::other("there is a file that is no socket; remove it, or choose another path"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_answers) => {
            Err(io::Error::other("another program listens there; stop it, or choose another path"))
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
}

/// Owner and group.
const MODE: u32 = 0o660;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_servers_file_is_replaced_and_a_living_ones_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a server that was killed leaves its file");
        let first = UnixSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert!(UnixSocket::bind(&path).is_err(), "the first one lives");
        drop(first);
        assert!(!path.exists());
        fs::write(&path, "no socket").unwrap();
        assert!(UnixSocket::bind(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "no socket", "what is not ours stays");
    }
}
