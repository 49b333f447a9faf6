/// The guest's agent, as `build.rs` has just built it.
static AGENT: &[u8] = include_bytes!(env!("TUNELAB_AGENT"));

fn main() -> std::process::ExitCode {
    tunelab::lab::agent::carry(AGENT);
    tunelab::cli::main()
}
