//! Threads of one's own for blocking work.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::lock::locked;
use crate::{Error, ErrorKind};

type Task = Box<dyn FnOnce() + Send>;

/// Does what it is given on few threads, in the order in which it came.
///
/// Looking and packing allocate megabytes that other threads free. On a pool, each piece of work
/// might run on another thread, and the C library's allocator keeps for every thread what it ever
/// had: tens of megabytes that nobody uses.
#[derive(Debug)]
pub(crate) struct Worker(Sender<Task>);

impl Worker {
    /// A worker of so many threads, which have this name; they end when the worker is dropped.
    pub(crate) fn new(name: &str, threads: usize) -> Result<Self, Error> {
        let (tasks, todo) = channel::<Task>();
        let todo = Arc::new(Mutex::new(todo));
        for _ in 0..threads.max(1) {
            let todo = Arc::clone(&todo);
            // In a statement of its own, so that the lock is released before the work begins.
            let next = move || {
                let task = locked(&todo).recv();
                task.ok()
            };
            thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || std::iter::from_fn(next).for_each(|task| task()))
                .map_err(|e| Error::new(ErrorKind::Other, "start thread", e))?;
        }
        Ok(Self(tasks))
    }

    /// Does this when a thread is free and everything that came before has begun.
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

/// Does what waits for a disk where it holds up nobody.
pub(crate) fn off_loop<T, W>(work: W) -> impl Future<Output = Result<T, Error>> + use<T, W>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, Error> + Send + 'static,
{
    joined(spawn_blocking(work))
}

async fn joined<T>(task: tokio::task::JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    task.await.unwrap_or_else(|e| Err(crashed(&e)))
}

pub(crate) fn crashed(error: &tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Other, "run task", error)
}
