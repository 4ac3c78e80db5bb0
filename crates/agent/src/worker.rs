//! A thread of one's own for blocking work.

use std::sync::mpsc::{Sender, channel};
use std::thread;

use tokio::sync::oneshot;

use crate::{Error, ErrorKind};

type Task = Box<dyn FnOnce() + Send>;

/// Does one thing after the other on one thread.
///
/// Looks at the source allocate megabytes that another thread frees. From a pool, each look might
/// come from another thread, and the C library's allocator keeps for every thread what it ever had.
#[derive(Debug)]
pub(crate) struct Worker(Sender<Task>);

impl Worker {
    /// A worker whose thread has this name; it ends when the worker is dropped.
    pub(crate) fn new(name: &str) -> Result<Self, Error> {
        let (tasks, todo) = channel::<Task>();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || todo.into_iter().for_each(|task| task()))
            .map_err(|e| Error::new(ErrorKind::Other, "start thread", e))?;
        Ok(Self(tasks))
    }

    /// Does this when everything before it is done.
    pub(crate) fn run<T, W>(&self, work: W) -> impl Future<Output = Result<T, Error>> + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce() -> Result<T, Error> + Send + 'static,
    {
        let (answer, done) = oneshot::channel();
        let task = move || {
            // Nobody may wait for it any more: the chain has ended.
            drop(answer.send(work()));
        };
        let sent = self.0.send(Box::new(task));
        async move {
            let lost = || Error::new(ErrorKind::Other, "run task", "its thread has panicked");
            sent.map_err(|_| lost())?;
            done.await.unwrap_or_else(|_| Err(lost()))
        }
    }
}
