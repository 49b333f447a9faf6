//! The cache's limit, 20 GiB or `$TUNELAB_CACHE_LIMIT`: applied after any command that may have made the cache larger.

use crate::{
    cache::Cache,
    error::{Error, Result},
    host::resources::size,
    image::Recipes,
    lab::prune::{self, Policy, Pruned},
    scenario::units::Bytes,
    story::Teller,
};
use std::time::SystemTime;

const VARIABLE: &str = "TUNELAB_CACHE_LIMIT";

/// The images and saved machines of all scenarios on four images are 15 GiB.
const DEFAULT: u64 = 20 << 30;

/// The limit that a command keeps to when it is done; taken before it begins.
pub struct Limit {
    bytes: u64,
    since: SystemTime,
    images: Recipes,
}

impl Limit {
    /// Returns `None` if the user wants no limit; wrong words are refused before anything is done. `images` are the
    /// recipes that may ask for what is kept.
    pub fn of_environment(images: Recipes) -> Result<Option<Self>> {
        let text = std::env::var_os(VARIABLE).unwrap_or_default();
        let bytes = match &*text.to_string_lossy() {
            "" => DEFAULT,
            "none" => return Ok(None),
            text => bytes(text)?,
        };
        Ok(Some(Limit { bytes, since: SystemTime::now(), images }))
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Removes entries that were used least recently, but none that was used since, and names them. A failed removal is
    /// told too: the command itself has done its work.
    pub async fn keep(&self, cache: &Cache, teller: &Teller) {
        // A broken recipe asks for nothing, and must not keep anything that is broken.
        let recipes = self.images.list().unwrap_or_default();
        let (limit_bytes, used_before) = (Some(self.bytes), Some(self.since));
        match prune::prune(cache, Policy { recipes: &recipes, outdated: false, limit_bytes, used_before }).await {
            Ok(pruned) => self.said(&pruned).into_iter().for_each(|line| teller.notice(line)),
            Err(error) => teller.notice(format!("failed to keep the cache below {}: {error:?}", size(self.bytes))),
        }
    }

    fn said(&self, pruned: &Pruned) -> Option<String> {
        let (limit, left) = (size(self.bytes), size(pruned.left_bytes));
        let over = pruned.left_bytes > self.bytes;
        let rest = if over { format!("; all of the {left} left is in use") } else { String::new() };
        if pruned.gone.is_empty() {
            return over.then(|| format!("the cache holds {left}, more than its limit of {limit}{rest}"));
        }
        let gone = pruned.gone.iter().map(|item| {
            let name = item.path.file_name().unwrap_or_default().to_string_lossy();
            format!("{} `{name}` ({})", item.kind.name(), size(item.size_bytes))
        });
        Some(format!("removed to keep the cache below {limit}: {}{rest}", gone.collect::<Vec<_>>().join(", ")))
    }
}

fn bytes(text: &str) -> Result<u64> {
    let Bytes(bytes) = text.parse().map_err(|wrong: String| {
        Error::input(format!("{VARIABLE}: {wrong}")).hint(format!("for example `{VARIABLE}='40 GiB'`, or `none`"))
    })?;
    Ok(bytes)
}
