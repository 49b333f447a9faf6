//! From power-on to the agent, and to a shell over SSH: the times of each image with the agent as init, in one table.

use crate::bench::{Bench, Use, with};
use crate::shared::tell;
use std::time::{Duration, Instant};
use tunelab::{
    host::InstallPolicy,
    image::{Init, Recipe},
    lab::{self, Room, SHIFT, Stack, WarmRecipe},
    story::{Story, Teller},
    vm::Accel,
};

const BOOTS: usize = 3;
/// The promise under TCG, in real time, on two cores that have nothing else to do.
const TO_SSH: Duration = Duration::from_secs(8);
/// `tunelab shell` boots by the first, scenarios by the second, once per warm machine: counting instructions takes
/// time.
const CLOCKS: [(&str, Accel); 2] = [("wall", Accel::WallTcg), ("virtual", Accel::VirtualClock { shift: SHIFT })];
/// The agent's first word.
const UP: &str = "tunelab-agent: up";

struct Boot {
    to_agent: Duration,
    to_ssh: Duration,
}

#[test]
#[ignore = "builds three more images and boots each image six times: some minutes"]
fn images_of_the_agent_let_one_in_within_8_s() {
    with(Use::Shared, Use::None, async |bench| {
        let (mut slow, _alone) = (Vec::new(), bench.alone());
        tell(format!("{:16} {:8} {:>13} {:>13}   median of {BOOTS}, fastest", "image", "clock", "to agent", "to SSH"));
        for recipe in recipes(bench) {
            for (clock, accel) in CLOCKS {
                let mut boots = Vec::new();
                for _ in 0..BOOTS {
                    boots.push(boot(bench, &recipe, accel).await);
                }
                let agent = median_and_least(boots.iter().map(|boot| boot.to_agent));
                let ssh = median_and_least(boots.iter().map(|boot| boot.to_ssh));
                let text = |(median, least): (Duration, Duration)| format!("{median:.1?}, {least:.1?}");
                tell(format!("{:16} {clock:8} {:>13} {:>13}", recipe.name, text(agent), text(ssh)));
                // The shortest time counts: the promise is for a host that has nothing else to do.
                slow.extend((accel == Accel::WallTcg && ssh.1 > TO_SSH).then(|| recipe.name.clone()));
            }
        }
        assert!(slow.is_empty(), "no boot within {TO_SSH:?}: {slow:?}");
    });
}

/// The recipes that can be built from the archive of this host's own distribution.
fn recipes(bench: &Bench) -> Vec<Recipe> {
    let recipes = bench.recipes().list().unwrap();
    let debian = |recipe: &Recipe| recipe.init == Init::Agent && recipe.name.starts_with("debian");
    recipes.into_iter().filter(debian).collect()
}

async fn boot(bench: &Bench, recipe: &Recipe, accel: Accel) -> Boot {
    let image = lab::ready_image(recipe, InstallPolicy::Never, &bench.cache, &Teller::silent()).await;
    let image = image.unwrap_or_else(|e| panic!("{e:?}"));
    let shape = lab::own_shape(recipe);
    let stack = Stack { machine: &shape, files: None, certificates: None, rehearsals: &[], seed: 1 };
    let warm = WarmRecipe { image: &image, accel, stack };

    let up = bench.hears(UP);
    let (teller, mut story) = Teller::new();
    let room = Room::open(&bench.cache, "boot").unwrap();
    let start = Instant::now();
    let (machine, _ssh) = lab::boot_and_deploy(&warm, &room, &teller).await.unwrap_or_else(|e| panic!("{e:?}"));
    let to_agent = up.when() - start;
    machine.shutdown().await.unwrap();
    drop(teller);
    while let Some(piece) = story.recv().await {
        if let Story::StepDone { what, took } = piece
            && what.starts_with("booting")
        {
            return Boot { to_agent, to_ssh: took };
        }
    }
    panic!("it booted, and nobody said so");
}

fn median_and_least(times: impl Iterator<Item = Duration>) -> (Duration, Duration) {
    let mut times: Vec<_> = times.collect();
    times.sort();
    (times[times.len() / 2], times[0])
}
