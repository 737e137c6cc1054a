//! Why a worker cannot start, or cannot go on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a worker cannot start, or cannot go on. What goes wrong with one experiment is none of these: it is reported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A variable that is missing, or has a value that makes no sense.
    #[error("{variable} is {value}, but must be {bound}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        bound: &'static str,
    },
    /// No folder to keep anything in.
    #[error(transparent)]
    Home(#[from] aiv1_lab::NoHome),
    /// The address of the lab, or its refusal of the token.
    #[error(transparent)]
    Client(#[from] aiv1_client::Error),
    /// The parameters in SSM.
    #[error("the parameters below {prefix} cannot be read")]
    Parameters {
        /// Their prefix.
        prefix: String,
        /// Why not.
        source: aiv1_store::Error,
    },
    /// The folder of clips.
    #[error("the clips cannot be kept")]
    Clips(#[from] crate::ClipError),
    /// The worker's folder.
    #[error("{}: cannot {action}", path.display())]
    Folder {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another worker has the name.
    #[error("a worker called {name} is running in {} already", folder.display())]
    Name {
        /// The name.
        name: String,
        /// Where.
        folder: PathBuf,
    },
    /// The address for `/health` and `/metrics`.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}
