//! Flags that change the machine: another kernel, another shape. For every command that boots one.

use crate::{
    error::Result,
    image::GivenKernel,
    plan::RunSpec,
    scenario::{Machine, units::Bytes},
    vm::bounds,
};
use std::path::PathBuf;
use tunelab_protocol::ModuleLoad;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Machine")]
pub struct MachineArgs {
    /// Boot this kernel in place of the image's own: a bzImage, or a Debian package that holds one
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// The kernel's modules, if it has any: `lib/modules/RELEASE`, a folder above it, or a Debian package
    #[arg(long, value_name = "DIR", requires = "kernel")]
    modules: Option<PathBuf>,
    /// Memory, such as `2GiB` [default: the scenario's]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
    /// CPUs; the virtual clock has one [default: the scenario's]
    #[arg(long, value_name = "N", value_parser = cpus)]
    cpus: Option<u32>,
    /// A word more on the kernel's command line; may be repeated
    #[arg(long, value_name = "WORD", value_parser = word, allow_hyphen_values = true)]
    cmdline: Vec<String>,
    /// A parameter of a kernel module, built in or not, from boot on: `nf_conntrack=hashsize=4096`; may be repeated
    #[arg(long, value_name = "NAME=PARAMETER=VALUE", value_parser = module)]
    module: Vec<ModuleLoad>,
}

impl MachineArgs {
    /// The user's kernel, its header read.
    pub fn kernel(&self) -> Result<Option<GivenKernel>> {
        self.kernel.as_deref().map(|file| GivenKernel::open(file, self.modules.as_deref())).transpose()
    }

    /// Says why the outcome says nothing about the image's snapshot.
    pub fn not_comparable(&self) -> Option<&'static str> {
        match self {
            _ if self.kernel.is_some() => Some("the kernel is not the image's own"),
            _ if self.reshapes() => Some("the machine was given another shape"),
            _ => None,
        }
    }

    fn reshapes(&self) -> bool {
        self.memory.is_some() || self.cpus.is_some() || !self.cmdline.is_empty() || !self.module.is_empty()
    }

    /// Replaces what the scenario, or the image, says.
    pub fn reshape(&self, machine: &mut Machine) {
        machine.memory_bytes = self.memory.unwrap_or(machine.memory_bytes);
        machine.cpus = self.cpus.unwrap_or(machine.cpus);
        machine.cmdline.extend(self.cmdline.iter().cloned());
        // One word serves both: the kernel takes it for a built-in module, modprobe(8) for any other.
        machine.cmdline.extend(self.module.iter().map(|m| format!("{}.{}", m.name, m.parameters)));
    }

    /// Changes the run's machine, and the modules that its plan loads: the flags come last, and the last word counts.
    pub fn apply(&self, run: &mut RunSpec) {
        self.reshape(&mut run.machine);
        for given in &self.module {
            for load in run.plan.modules.iter_mut().filter(|load| same(&load.name, &given.name)) {
                load.parameters = format!("{} {}", load.parameters, given.parameters).trim().to_owned();
            }
        }
        run.not_comparable = self.not_comparable();
    }
}

/// Whether two names mean one module: they may be written with `-` or `_`.
fn same(a: &str, b: &str) -> bool {
    a.replace('-', "_") == b.replace('-', "_")
}

fn memory(text: &str) -> Result<u64, String> {
    let Bytes(bytes) = text.parse()?;
    bounds::check_memory(bytes).map(|()| bytes).map_err(str::to_owned)
}

fn cpus(text: &str) -> Result<u32, String> {
    let cpus = text.parse().map_err(|_| format!("`{text}` is no number of CPUs"))?;
    bounds::check_cpus(cpus).map(|()| cpus).map_err(str::to_owned)
}

fn word(text: &str) -> Result<String, String> {
    bounds::check_word(text).map(|()| text.to_owned()).map_err(|why| format!("{why}; give each its own `--cmdline`"))
}

fn module(text: &str) -> Result<ModuleLoad, String> {
    let wrong = || format!("`{text}` is not `NAME=PARAMETER=VALUE`, such as `nf_conntrack=hashsize=4096`");
    let (name, parameters) = text.split_once('=').ok_or_else(wrong)?;
    let (parameter, value) = parameters.split_once('=').ok_or_else(wrong)?;
    let names = [name, parameter].into_iter().all(bounds::is_module_name);
    if !names || value.is_empty() || bounds::check_word(parameters).is_err() {
        return Err(wrong());
    }
    Ok(ModuleLoad { name: name.into(), parameters: parameters.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_a_module_a_name_and_a_value() {
        let load = module("nf_conntrack=hashsize=4096").unwrap();
        assert_eq!((&*load.name, &*load.parameters), ("nf_conntrack", "hashsize=4096"));
        for wrong in ["nf_conntrack", "nf_conntrack=hashsize", "=a=1", "a=b c=1", "a=b=", "a=b=1 2"] {
            assert!(module(wrong).unwrap_err().contains("`nf_conntrack=hashsize=4096`"), "{wrong}");
        }
    }

    #[test]
    fn memory_has_a_unit_and_a_least_size() {
        assert_eq!(memory("2GiB").unwrap(), 2 << 30);
        assert!(memory("2").is_err() && memory("64 MiB").unwrap_err().contains("128 MiB"));
    }
}
