//! Tests that need no virtual machine.

mod archive;
mod article;
mod away;
mod bands;
mod builds;
mod claims;
mod cli;
mod fetch;
mod flow;
mod host;
mod image;
mod images;
mod kernel;
mod made;
mod outcome;
mod plan;
mod recipe;
mod report;
mod scenario;
mod search;
mod server;
mod ssh;
mod store;
mod visiting;
mod vm;
