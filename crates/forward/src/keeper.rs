//! Threads of sinks: whatever waits for a sink's disk waits on that sink's thread, and holds up nothing else.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use tokio::sync::oneshot;

type Task<T> = Box<dyn FnOnce(&mut T) + Send>;
/// What came of work, or what it panicked with.
type Done<T> = Result<T, Box<dyn Any + Send>>;

/// Owns something on a thread of its own, and does there what it is given, in the order in which it came. Nothing waits
/// for the thread's end: a disk that hangs may never let it go.
pub(crate) struct Keeper<T>(Sender<Task<T>>);

impl<T> fmt::Debug for Keeper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}

/// What opening gives beside, once it is done.
#[derive(Debug)]
pub(crate) struct Opening<X, E>(oneshot::Receiver<Done<Result<X, E>>>);

impl<X, E> Opening<X, E> {
    /// Waits for it. Whoever stops waiting may begin again.
    pub(crate) async fn done(&mut self) -> Result<X, E> {
        told((&mut self.0).await)
    }
}

impl<T: 'static> Keeper<T> {
    /// Starts the thread, which has this name, and opens there what it is to own.
    ///
    /// # Errors
    /// The system's, when it has no thread.
    pub(crate) fn start<X: Send + 'static, E: Send + 'static>(
        name: &str,
        open: impl FnOnce() -> Result<(T, X), E> + Send + 'static,
    ) -> io::Result<(Self, Opening<X, E>)> {
        let (tasks, todo) = channel::<Task<T>>();
        let (answer, opening) = oneshot::channel();
        let body = move || {
            // Where nobody waits for an answer any more, it is given to nobody.
            let mut owned = match catch_unwind(AssertUnwindSafe(open)) {
                Ok(Ok((owned, beside))) => {
                    drop(answer.send(Ok(Ok(beside))));
                    owned
                }
                Ok(Err(why)) => return drop(answer.send(Ok(Err(why)))),
                Err(panicked) => return drop(answer.send(Err(panicked))),
            };
            todo.iter().for_each(|task| task(&mut owned));
        };
        // The system takes 15 bytes of a name.
        thread::Builder::new().name(name.chars().take(15).collect()).spawn(body)?;
        Ok((Self(tasks), Opening(opening)))
    }

    /// Does this on the thread, behind what came before.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> R {
        let (answer, done) = oneshot::channel();
        let task = move |owned: &mut T| {
            drop(answer.send(catch_unwind(AssertUnwindSafe(|| act(owned)))));
        };
        // A thread that has ended answers no more; its end was told.
        drop(self.0.send(Box::new(task)));
        told(done.await)
    }
}

/// An answer. What panicked there goes on here.
fn told<R>(done: Result<Done<R>, oneshot::error::RecvError>) -> R {
    match done {
        Ok(Ok(done)) => done,
        Ok(Err(panicked)) => resume_unwind(panicked),
        Err(ended) => resume_unwind(Box::new(ended.to_string())),
    }
}
