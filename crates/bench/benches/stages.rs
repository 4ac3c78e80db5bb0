//! Each stage by itself, bytes per second: `cargo bench -p auditseal-bench`.
//!
//! divan and not criterion: what is compared from commit to commit are instruction counts and
//! whole runs beside a reference; here throughput is all that is wanted, and divan gives it with a
//! tenth of the dependencies.

use auditseal_bench::stages::{Bench, NAMES};
use divan::counter::BytesCount;

/// What a batch may hold before it closes.
const BATCH: u64 = 16 << 20;

fn main() {
    divan::main();
}

#[divan::bench(args = NAMES, max_time = 2)]
fn stage(bencher: divan::Bencher<'_, '_>, name: &str) {
    let bench = Bench::new(name, BATCH).expect("a disk to write to");
    bencher.counter(BytesCount::new(bench.bytes())).bench(|| bench.run(name));
}
