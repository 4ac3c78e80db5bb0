//! The thread that makes packs and reads them back, one after the other.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// A thread of its own: what compressing a pack took of memory, reading it back takes again. On threads of a pool the
/// allocator would keep both for each of them.
#[derive(Debug)]
pub(crate) struct Maker {
    to: mpsc::Sender<Work>,
}

impl Maker {
    /// Begins.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (to, inbox) = mpsc::channel::<Work>();
        let work = move || inbox.into_iter().for_each(|work| work());
        thread::Builder::new().name("pack".to_owned()).spawn(work)?;
        Ok(Self { to })
    }

    /// Does this once all before it is done; a panic in it is one here. What is asked for is done, whether it is waited for
    /// or not.
    ///
    /// # Panics
    /// When the thread ended, which only a panic that can't be caught makes it do.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> {
        let (tell, told) = oneshot::channel();
        let work = move || drop(tell.send(catch_unwind(AssertUnwindSafe(work))));
        let taken = self.to.send(Box::new(work));
        async move {
            taken.expect("the thread that makes packs goes on");
            match told.await.expect("it does all that it is given") {
                Ok(done) => done,
                Err(panic) => resume_unwind(panic),
            }
        }
    }
}
