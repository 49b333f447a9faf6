//! A host with far more work than it has cores for: everything takes longer, nothing breaks.

use crate::{
    bench::{SHORT, on_bench, spec},
    shared::tell,
};
use std::{
    process::{Child, Command},
    time::{Duration, Instant},
};
use tunelab::{
    guest::Events,
    lab::{self, Room, SHIFT, WarmRecipe},
    story::Teller,
    vm::{Accel, Machine},
};
use tunelab_protocol::Event;

const LOAD: usize = 12;
/// Twice the time that the rules and services of a run take on an idle host; a quarter of their time under this load.
const SILENCE: Duration = Duration::from_secs(2);

/// Processes that want all the CPU there is.
struct Crowd(Vec<Child>);

impl Crowd {
    fn new() -> Self {
        let busy = || Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        Crowd((0..LOAD).map(|_| busy()).collect())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_guest_that_the_host_keeps_waiting_is_not_taken_for_a_silent_one() {
    on_bench(async |bench| {
        let (teller, run) = (Teller::silent(), spec(&bench.scenario(SHORT), "article"));
        let accel = Accel::VirtualClock { shift: SHIFT };
        let recipe = WarmRecipe { image: &bench.shared.image, accel, stack: (&run).into() };
        let warm = lab::warm(&recipe, &bench.cache, &teller).await.unwrap();
        let room = Room::open(&bench.cache, SHORT).unwrap();
        let plan = serde_json::to_vec(&run.plan).unwrap();

        let crowd = Crowd::new();
        let machine = Machine::restore(&warm.spec, &warm.state, &plan, room.path()).await;
        let machine = machine.unwrap_or_else(|e| panic!("{e:?}"));
        let mut events = Events::of(&machine).await.unwrap();
        machine.limit_silence(Some(SILENCE));
        machine.cont().await.unwrap();
        let mut heard = Instant::now();
        let mut longest = Duration::ZERO;
        let to_the_end = async {
            while events.next().await?.event != Event::Done {
                longest = longest.max(heard.elapsed());
                heard = Instant::now();
            }
            Ok(())
        };
        let ended = machine.while_alive(to_the_end).await;
        drop(crowd);
        machine.shutdown().await.unwrap();
        ended.unwrap_or_else(|e| panic!("{e:?}"));
        tell(format!("longest silence of a run beside {LOAD} busy processes: {longest:.1?}"));
    });
}
