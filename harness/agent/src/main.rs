//! The agent's one binary: PID 1 of our initrd, and by its first argument everything else.

use tunelab_agent::{init, parked, run, serve, session, spin};

fn main() {
    if std::process::id() == 1 {
        if parked::in_place_of_a_distributions_init() {
            parked::stand_in();
        }
        init::main();
    }
    let mut args = std::env::args().skip(1);
    let outcome = match (args.next().as_deref(), args.next()) {
        (Some("park"), None) => parked::main(),
        (Some("spin"), None) => spin::main(),
        (Some("run"), Some(plan)) => run::main(&plan),
        (Some("serve"), Some(config)) => serve::server::main(&config),
        (Some("session"), command) => session::main(command.as_deref()),
        _ => Err(anyhow::anyhow!(
            "usage: tunelab-agent park | spin | run PLAN | serve JSON | session [COMMAND]; or as PID 1 of tunelab's initrd"
        )),
    };
    if let Err(e) = outcome {
        eprintln!("tunelab-agent: {e:#}");
        std::process::exit(1);
    }
}
