//! Kernel modules and their parameters, whether they are modules of this kernel or built into it.

use super::lacks;
use crate::tool;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Loads a module with parameters. If it is built in, or there already, modprobe says nothing and sets nothing: then
/// each parameter is set by the file that the kernel has for it.
pub fn load(name: &str, parameters: &str) -> Result<()> {
    if folder(name).exists() {
        return parameters.split_whitespace().try_for_each(|parameter| set(name, parameter));
    }
    let loaded = tool::modprobe(name, parameters);
    if loaded.is_err() && name.replace('-', "_") == "nf_conntrack" {
        lacks::conntrack()?;
    }
    loaded.with_context(|| format!("this kernel has no module `{name}`"))
}

fn folder(name: &str) -> PathBuf {
    Path::new("/sys/module").join(name.replace('-', "_"))
}

fn set(module: &str, parameter: &str) -> Result<()> {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, "1"));
    let file = folder(module).join("parameters").join(name);
    match std::fs::read_to_string(&file) {
        Ok(now) if now.trim() == value => return Ok(()),
        Ok(_) => {}
        Err(_) => bail!("`{module}` of this kernel has no parameter `{name}`"),
    }
    std::fs::write(&file, value).with_context(|| {
        format!(
            "`{module}` is built into this kernel, and `{name}` is set at boot only: `--module {module}={parameter}`"
        )
    })
}

/// The words of the kernel's command line for a module: `nf_conntrack.hashsize=4096` is `hashsize=4096`.
pub fn words(name: &str) -> Result<Vec<String>> {
    let line = std::fs::read_to_string("/proc/cmdline").context("failed to read /proc/cmdline")?;
    Ok(said_to(name, &line))
}

fn said_to(name: &str, line: &str) -> Vec<String> {
    let words = line.split_whitespace().filter_map(|word| word.split_once('.'));
    words.filter(|(to, _)| to.replace('-', "_") == name.replace('-', "_")).map(|(_, word)| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::said_to;

    #[test]
    fn a_module_is_told_what_is_meant_for_it() {
        let line = "quiet virtio-net.napi_tx=0 nf_conntrack.hashsize=4096 tunelab.spin virtio_net.gso=1";
        assert_eq!(said_to("virtio_net", line), ["napi_tx=0", "gso=1"]);
        assert!(said_to("virtio", line).is_empty());
    }
}
