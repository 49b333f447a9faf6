//! `tunelab image list|build|verify|prune`.

use super::doctor::Format;
use crate::{
    cache::Cache,
    error::{Context, Error, Result},
    host::{self, InstallPolicy, resources::mib},
    image::{self, Found, Recipe, Stored},
    story::Teller,
};
use comfy_table::{Table, presets};
use serde_json::json;
use std::path::Path;

const AFTER: &str = "\
Examples:
  tunelab image list              what there is, and what is built
  tunelab image build debian-12   now, rather than when a scenario first needs it
  tunelab image verify            read every byte of what is built
  tunelab image prune             remove what no recipe asks for any more

An image is built from `images/NAME.toml` by mmdebstrap, as an ordinary user where the host allows it.";

/// Images: kernels and root disks, built from recipes and kept in the cache
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// All images: what each is, whether it is built, its kernel and size
    List {
        /// `json` is an array of images
        #[arg(long, value_enum, default_value = "human")]
        format: Format,
    },
    /// Build images that are not built yet
    Build {
        /// All if none is named
        #[arg(value_name = "IMAGE")]
        names: Vec<String>,
    },
    /// Check every byte of what is built
    Verify {
        /// All if none is named
        #[arg(value_name = "IMAGE")]
        names: Vec<String>,
    },
    /// Remove what no recipe asks for any more, and what interrupted builds left
    Prune {
        /// Remove every image
        #[arg(long)]
        all: bool,
    },
}

/// `images` is the folder of recipes.
pub async fn run(args: Args, images: &Path, cache: &Cache, policy: InstallPolicy, teller: &Teller) -> Result<()> {
    match args.command {
        Command::List { format } => list(&Recipe::list(images)?, cache, format),
        Command::Build { names } => build(&named(images, &names)?, cache, policy, teller).await,
        Command::Verify { names } => verify(named(images, &names)?, cache).await,
        Command::Prune { all } => {
            let keep = if all { Vec::new() } else { Recipe::list(images)? };
            prune(cache, &keep).await
        }
    }
}

fn named(images: &Path, names: &[String]) -> Result<Vec<Recipe>> {
    if names.is_empty() {
        return Recipe::list(images);
    }
    names.iter().map(|name| Recipe::find(images, name)).collect()
}

fn list(recipes: &[Recipe], cache: &Cache, format: Format) -> Result<()> {
    let stored = image::list(cache)?;
    let rows = recipes.iter().map(|recipe| (recipe, stored.iter().find(|s| s.manifest.key == recipe.key())));
    match format {
        Format::Human => println!("{}", table(rows)),
        Format::Json => println!("{:#}", document(rows)),
    }
    Ok(())
}

fn table<'a>(rows: impl Iterator<Item = (&'a Recipe, Option<&'a Stored>)>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(["image", "what it is", "kernel", "size"]);
    for (recipe, stored) in rows {
        let (kernel, size) = stored.map_or(("not built".into(), String::new()), |s| {
            (s.manifest.kernel_release.clone(), format!("{} MiB", mib(s.size_bytes)))
        });
        table.add_row([&recipe.name, &recipe.summary, &kernel, &size]);
    }
    table
}

fn document<'a>(rows: impl Iterator<Item = (&'a Recipe, Option<&'a Stored>)>) -> serde_json::Value {
    rows.map(|(recipe, stored)| {
        json!({
            "name": recipe.name,
            "summary": recipe.summary,
            "source": recipe.source,
            "machine": recipe.machine,
            "key": recipe.key(),
            "built": stored.is_some(),
            "kernel": stored.map(|s| &s.manifest.kernel_release),
            "size_bytes": stored.map(|s| s.size_bytes),
            "path": stored.map(|s| &s.dir),
        })
    })
    .collect()
}

async fn build(recipes: &[Recipe], cache: &Cache, policy: InstallPolicy, teller: &Teller) -> Result<()> {
    host::require(host::BUILD, policy, teller).await?;
    for recipe in recipes {
        let image = image::ensure(recipe, cache, teller).await?;
        println!("{}: Linux {} in {}", image.name, image.manifest.kernel_release, image.dir.display());
    }
    Ok(())
}

async fn verify(recipes: Vec<Recipe>, cache: &Cache) -> Result<()> {
    let cache = cache.clone();
    let check = move || recipes.iter().map(|r| (r.name.clone(), image::open(r, &cache))).collect::<Vec<_>>();
    let mut damaged = Vec::new();
    for (name, found) in tokio::task::spawn_blocking(check).await.host(|| "checking images panicked".into())? {
        match found {
            Found::Whole(_) => println!("{name}: whole"),
            Found::Absent => println!("{name}: not built"),
            Found::Damaged(why) => {
                println!("{name}: damaged: {why}");
                damaged.push(name);
            }
        }
    }
    if damaged.is_empty() {
        return Ok(());
    }
    let hint = format!("`tunelab image build {}` builds again", damaged.join(" "));
    Err(Error::host(format!("damaged in the cache: {}", damaged.join(", "))).hint(hint))
}

async fn prune(cache: &Cache, keep: &[Recipe]) -> Result<()> {
    for gone in image::prune(cache, keep).await? {
        println!("removed {}", gone.display());
    }
    Ok(())
}
