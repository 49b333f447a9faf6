//! The same bytes every time, whatever else this host does.

use crate::bench::on_bench;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn three_runs_one_fingerprint_with_the_host_idle_or_loaded() {
    on_bench(async |bench| {
        let mut records = Vec::new();
        for loaded in [false, true, false] {
            let load = loaded.then(Load::on_all_cores);
            let result = bench.short().await.0.unwrap_or_else(|e| panic!("{e:?}"));
            drop(load);
            let bytes = std::fs::read_to_string(result.path.join("events.jsonl")).unwrap();
            records.push((result.record.fingerprint, bytes));
        }
        for (fingerprint, bytes) in &records[1..] {
            let differ = bytes.lines().zip(records[0].1.lines()).find(|(one, other)| one != other);
            assert_eq!(fingerprint, &records[0].0, "the records first differ in {differ:#?}");
        }
    });
}

/// Threads that only burn time, two a core, until dropped.
struct Load(std::sync::Arc<AtomicBool>);

impl Load {
    fn on_all_cores() -> Self {
        let burn = std::sync::Arc::new(AtomicBool::new(true));
        for _ in 0..2 * tunelab::host::resources::cpus() {
            let burn = burn.clone();
            std::thread::spawn(move || {
                while burn.load(Ordering::Relaxed) {
                    std::hint::black_box(0);
                }
            });
        }
        Load(burn)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
