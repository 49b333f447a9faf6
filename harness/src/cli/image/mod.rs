//! `tunelab image list|build|verify|prune`.

mod list;

use super::{
    doctor::Format,
    limit::Limit,
    say::say,
    sources::{ImagesArg, say_notes},
};
use crate::{
    cache::Cache,
    error::{Context, Error, Result},
    host::{InstallPolicy, resources::size},
    image::{self, Found, Recipe, Recipes},
    lab::{
        self,
        prune::Policy,
        stock::{self, Kind},
    },
    scenario::units::Bytes,
    story::Teller,
};
use list::Row;

const AFTER: &str = "\
Examples:
  tunelab image list              what there is, and what is built
  tunelab image build debian-12   now, rather than when a scenario first needs it
  tunelab image verify            read every byte of what is built
  tunelab image prune             remove what nobody asks for any more
  tunelab image prune --limit 5GiB
                                  and what was used least recently, until no more than that is left

An image is built from `images/NAME.toml` by mmdebstrap, as an ordinary user where the host allows it.
Each run and each build ends by keeping the cache below 20 GiB, or what TUNELAB_CACHE_LIMIT says ('40 GiB', 'none').";

/// Images: kernels and root disks, built from recipes and kept in the cache
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    images: ImagesArg,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// All images: what each is, where it comes from, its kernel and size if it is built, and what cannot be done there
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
        /// Builds at once
        #[arg(long, value_name = "N", default_value_t = lab::BUILDS as u16, value_parser = clap::value_parser!(u16).range(1..))]
        jobs: u16,
    },
    /// Check every byte of what is built, and of all kernels, saved machines and downloads
    Verify {
        /// Only these images [default: all, and what else is kept]
        #[arg(value_name = "IMAGE")]
        names: Vec<String>,
    },
    /// Remove images, saved machines, records and downloads: what nobody asks for any more, and what exceeds a limit
    Prune {
        /// What is left may be so large; what was used least recently goes first [default: $TUNELAB_CACHE_LIMIT, or 20 GiB]
        #[arg(long, value_name = "SIZE")]
        limit: Option<Bytes>,
        /// Remove all that nobody is using just now
        #[arg(long, conflicts_with = "limit")]
        all: bool,
    },
}

pub async fn run(args: Args, cache: &Cache, policy: InstallPolicy, teller: &Teller) -> Result<()> {
    let project = args.images.project()?;
    let images = project.images()?;
    if !matches!(args.command, Command::Prune { .. }) {
        project.introduce_images(&images, &images.names());
    }
    say_notes(&project);
    match args.command {
        Command::List { format } => {
            let limit_bytes = Limit::of_environment(images.clone())?.map(|limit| limit.bytes());
            list(&images.list()?, limit_bytes, cache, format)
        }
        Command::Build { names, jobs } => {
            let limit = Limit::of_environment(images.clone())?;
            let built = build(&named(&images, &names)?, jobs.into(), cache, policy, teller).await;
            if let Some(limit) = limit {
                limit.keep(cache, teller).await;
            }
            built
        }
        Command::Verify { names } => verify(named(&images, &names)?, names.is_empty(), cache).await,
        Command::Prune { limit, all } => {
            let of_environment = Limit::of_environment(images.clone())?.map(|limit| limit.bytes());
            let limit_bytes = if all { Some(0) } else { limit.map(|bytes| bytes.0).or(of_environment) };
            prune(cache, &images.list()?, limit_bytes).await
        }
    }
}

fn named(images: &Recipes, names: &[String]) -> Result<Vec<Recipe>> {
    if names.is_empty() {
        return images.list();
    }
    names.iter().map(|name| images.find(name)).collect()
}

fn list(recipes: &[Recipe], limit_bytes: Option<u64>, cache: &Cache, format: Format) -> Result<()> {
    let stored = image::list(cache)?;
    let built = |recipe: &Recipe| stored.iter().find(|s| s.manifest.key == recipe.key());
    let rows: Vec<Row> = recipes.iter().map(|recipe| Row { recipe, stored: built(recipe) }).collect();
    match format {
        Format::Human => {
            let held_bytes = stock::list(cache, recipes)?.iter().map(|item| item.size_bytes).sum();
            say(list::human(&rows, &list::Room { held_bytes, limit_bytes }))?;
        }
        Format::Json => say(format!("{:#}\n", list::json(&rows)))?,
    }
    Ok(())
}

async fn build(recipes: &[Recipe], jobs: usize, cache: &Cache, policy: InstallPolicy, teller: &Teller) -> Result<()> {
    let mut failed = Vec::new();
    for image in lab::ready_images(recipes, jobs, policy, cache, teller).await? {
        match image {
            Ok(image) => {
                say(format!("{}: Linux {} in {}\n", image.name, image.manifest.kernel_release, image.dir.display()))?;
            }
            Err(error) => failed.push(error),
        }
    }
    match failed.len() {
        0 => Ok(()),
        1 => Err(failed.remove(0)),
        n => Err(Error::host(format!("failed to build {n} images")).related(failed)),
    }
}

async fn verify(recipes: Vec<Recipe>, others: bool, cache: &Cache) -> Result<()> {
    let store = cache.clone();
    let check = move || recipes.iter().map(|r| (r.name.clone(), image::verify(r, &store))).collect::<Vec<_>>();
    let mut damaged = Vec::new();
    for (name, found) in tokio::task::spawn_blocking(check).await.host(|| "checking images panicked".into())? {
        match found {
            Found::Whole(_) => say(format!("{name}: whole\n"))?,
            Found::Absent => say(format!("{name}: not built\n"))?,
            Found::Damaged(why) => {
                say(format!("{name}: damaged: {why}\n"))?;
                damaged.push(name);
            }
        }
    }
    let checked = if others { stock::check(cache).await? } else { Vec::new() };
    for item in &checked {
        say(format!("{}: {}\n", item.path.display(), item.damage.as_deref().unwrap_or("whole")))?;
    }
    for kind in [Kind::Kernel, Kind::SavedMachine, Kind::Download] {
        match checked.iter().filter(|item| item.kind == kind && item.damage.is_some()).count() {
            0 => {}
            1 => damaged.push(format!("1 {}", kind.name())),
            n => damaged.push(format!("{n} {}s", kind.name())),
        }
    }
    if damaged.is_empty() {
        return Ok(());
    }
    Err(Error::host(format!("damaged in the cache: {}", damaged.join(", ")))
        .hint("what is damaged is made again when it is needed; `tunelab image build` does it now for images"))
}

async fn prune(cache: &Cache, recipes: &[Recipe], limit_bytes: Option<u64>) -> Result<()> {
    for room in image::sweep(cache).await? {
        say(format!("removed what an interrupted build left in {}\n", room.display()))?;
    }
    let policy = Policy { recipes, outdated: true, limit_bytes, used_before: None };
    let pruned = lab::prune::prune(cache, policy).await?;
    for item in &pruned.gone {
        say(format!("removed {} {} ({})\n", item.kind.name(), item.path.display(), size(item.size_bytes)))?;
    }
    say(format!(
        "freed {}, {} left in {}\n",
        size(pruned.freed_bytes()),
        size(pruned.left_bytes),
        cache.root().display()
    ))?;
    Ok(())
}
