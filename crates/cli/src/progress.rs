//! A bar on a terminal; nothing elsewhere, where log lines tell the same.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far something is while this value lives.
pub(crate) struct Bar {
    ended: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Bar {
    /// Shows bytes: `read` gives how many are done, and how many there are.
    pub(crate) fn bytes(read: impl Fn() -> (u64, u64) + Send + 'static) -> Self {
        Self::start(
            "{bar:30} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  ETA {eta}",
            read,
        )
    }

    /// Shows objects, likewise.
    pub(crate) fn objects(read: impl Fn() -> (u64, u64) + Send + 'static) -> Self {
        Self::start("{bar:30} {pos}/{len} objects  {per_sec}  ETA {eta}", read)
    }

    fn start(template: &'static str, read: impl Fn() -> (u64, u64) + Send + 'static) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        if !std::io::stderr().is_terminal() {
            return Self { ended, thread: None };
        }
        let stop = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            let style = ProgressStyle::with_template(template);
            let bar = ProgressBar::new(0)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            while !stop.load(Ordering::Relaxed) {
                let (done, total) = read();
                bar.set_length(total);
                bar.set_position(done);
                thread::sleep(Duration::from_millis(100));
            }
            bar.finish_and_clear();
        });
        Self { ended, thread: Some(thread) }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Joined, so that the bar is cleared before anything else is written.
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A progress bar that counts objects.
pub(crate) fn counter() -> (impl Fn(&auditseal_archive::Progress), Bar) {
    let done = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let shown = Arc::clone(&done);
    let bar =
        Bar::objects(move || (shown.0.load(Ordering::Relaxed), shown.1.load(Ordering::Relaxed)));
    let count = move |progress: &auditseal_archive::Progress| {
        done.0.store(progress.objects, Ordering::Relaxed);
        done.1.store(progress.total, Ordering::Relaxed);
    };
    (count, bar)
}
