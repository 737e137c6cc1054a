//! The network between a worker and the lab: a line that can be cut and mended.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// Carries TCP connections to an address. Clones are the same line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    open: Vec<AbortHandle>,
    /// Connections that are still to be refused.
    refuse: usize,
}

impl Line {
    /// A line to `url`.
    pub(crate) async fn to(url: &str) -> Self {
        let upstream: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let line = Self { url, state: Arc::default() };
        let state = line.state.clone();
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let mut state = state.lock().unwrap();
                if state.refuse > 0 {
                    state.refuse -= 1;
                    continue;
                }
                let carried = tokio::spawn(async move {
                    if let Ok(mut there) = TcpStream::connect(upstream).await {
                        let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                    }
                });
                state.open.push(carried.abort_handle());
            }
        });
        line
    }

    /// Cuts every connection there is, and the next `refuse` as they come.
    pub(crate) fn cut(&self, refuse: usize) {
        let mut state = self.state.lock().unwrap();
        state.refuse = refuse;
        state.open.drain(..).for_each(|carried| carried.abort());
    }

    pub(crate) fn mend(&self) {
        self.state.lock().unwrap().refuse = 0;
    }
}
