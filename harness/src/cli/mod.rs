//! To come.

pub mod doctor;
pub mod image;

pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
