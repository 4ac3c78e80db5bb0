//! The threads that a command runs on.

use crate::failure::Failure;

/// Fetching waits on one thread; decoding runs on as many as there are cores, beside a thread that
/// writes.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    block_on_threads(cores() + 2, future)
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Each thread more is memory that the C library's allocator keeps for it: for `verify` two more
/// than there are cores were a quarter of its memory.
pub(crate) fn block_on_threads<F: Future>(threads: usize, future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(threads)
        .build()
        .map_err(|e| Failure::new(format!("start runtime: {e}")))?;
    Ok(runtime.block_on(future))
}
