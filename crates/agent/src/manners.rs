//! Standing back behind everything else on the machine.

use ioprio::{Class, Pid, Priority, Target};
use tracing::debug;

/// How far below ordinary processes.
const NICE: i32 = 10;

/// Lowers this process: nice 10, and disk time only while nobody else wants any. To be called
/// before there are other threads, which take it from the first. A machine that refuses (a strict
/// seccomp filter, say) is no reason not to do the work.
pub fn stand_back() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        debug!("lower the priority: {error}");
    }
    // Asked of the calling thread. Only some disk schedulers heed it (BFQ, mq-deadline).
    let me = Target::Process(Pid::from_raw(0));
    if let Err(error) = ioprio::set_priority(me, Priority::new(Class::Idle)) {
        debug!("lower the disk priority: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_stands_back_is_nice_and_idle() {
        // Both are a thread's own: the other tests go on as they were.
        let there = std::thread::spawn(|| {
            stand_back();
            let mine = Target::Process(Pid::from_raw(0));
            let class = ioprio::get_priority(mine).unwrap().class();
            (rustix::process::getpriority_process(None).unwrap(), class)
        });
        assert_eq!(there.join().unwrap(), (NICE, Some(Class::Idle)));
        assert!(rustix::process::getpriority_process(None).unwrap() < NICE);
    }
}
