//! What the system may let hang, done on threads of their own: files of credentials, and names that are looked up.
//!
//! Neither has a time limit of the system's that would do: a file may be on a disk that gives no answer, a name at a
//! server that says nothing. So whoever asks is told after a while that there is no answer, and the thread is left to
//! it. Each other system has its own few: while its questions hang, its next ones wait, and no other system's do.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::{Semaphore, oneshot};

/// How long a question may take, and whoever asks may wait for those before it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Names that are looked up at a time.
const NAMES: usize = 4;

/// Threads for questions of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Apart {
    turn: Arc<Semaphore>,
    what: &'static str,
}

impl Apart {
    /// For questions to what is called so, as many at a time.
    fn new(what: &'static str, turns: usize) -> Self {
        Self { turn: Arc::new(Semaphore::new(turns)), what }
    }

    /// For files of credentials and certificates.
    pub(crate) fn files() -> Self {
        Self::new("the disk of its credentials or certificates", 1)
    }

    /// Asks on a thread of its own.
    ///
    /// # Errors
    /// What was answered, that nothing was in time, or that the system has no thread.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let asking = async {
            let turn = Arc::clone(&self.turn).acquire_owned().await;
            let turn = turn.map_err(|error| error.to_string())?;
            let (answer, answered) = oneshot::channel();
            let body = move || {
                // Nobody may wait for it any more.
                drop(answer.send(question()));
                drop(turn);
            };
            let started = thread::Builder::new().name("apart".to_owned()).spawn(body);
            started.map_err(|error| format!("start a thread: {error}"))?;
            answered.await.map_err(|error| error.to_string())?
        };
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| {
            Err(format!("{} has given no answer for {} s", self.what, PATIENCE.as_secs()))
        })
    }
}

/// Looks up names.
#[derive(Debug, Clone)]
pub(crate) struct Names(Apart);

impl Default for Names {
    fn default() -> Self {
        Self(Apart::new("the name service", NAMES))
    }
}

impl Names {
    /// The addresses of `host:port`.
    pub(crate) async fn of(&self, address: &str) -> Result<Vec<SocketAddr>, String> {
        let (asked, shown) = (address.to_owned(), address.to_owned());
        let found = self.0.ask(move || {
            let found = asked.to_socket_addrs().map_err(|error| error.to_string())?;
            Ok(found.collect())
        });
        found.await.map_err(|why| format!("look up {shown}: {why}"))
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            // Whoever connects puts its own port in.
            let host = name.as_str();
            let address =
                if host.contains(':') { format!("[{host}]:0") } else { format!("{host}:0") };
            let found = names.of(&address).await.map_err(io::Error::other)?;
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_question_that_hangs_holds_up_its_own_kind_alone() {
        let (apart, other) = (Apart::new("its disk", 1), Apart::new("its disk", 1));
        let (go, wait) = channel::<()>();
        let hung = apart.ask(move || wait.recv().map_err(|error| error.to_string())).await;
        assert_eq!(hung, Err("its disk has given no answer for 5 s".to_owned()));
        // The thread is still at it.
        assert!(apart.ask(|| Ok(1)).await.is_err());
        tokio::time::resume();
        assert_eq!(other.ask(|| Ok(2)).await, Ok(2));
        go.send(()).unwrap();
        assert_eq!(apart.ask(|| Ok(3)).await, Ok(3));
    }

    #[tokio::test]
    async fn names_are_looked_up() {
        let found = Names::default().of("localhost:7").await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 7));
        let why = Names::default().of("no such name:7").await.unwrap_err();
        assert!(why.starts_with("look up no such name:7: "), "{why}");
    }
}
