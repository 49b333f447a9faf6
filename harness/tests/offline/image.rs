//! Recipes, the store, and building.

use std::path::{Path, PathBuf};
use tunelab::{
    cache::Cache,
    image,
    image::Recipe,
    story::{Story, Teller},
};

fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("images")
}

/// Builds Debian 12 and looks at what came out. Takes the cache from the environment, so that it is shared with a user's.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "builds an image: half a minute and 100 MB of packages"]
async fn debian_12_builds() {
    let cache = Cache::open().unwrap();
    let recipe = Recipe::find(&images(), "debian-12").unwrap();
    let (teller, mut story) = Teller::new();
    let telling = tokio::spawn(async move {
        while let Some(told) = story.recv().await {
            if let Story::Notice(_) | Story::StepDone { .. } | Story::StepProgress { .. } = &told {
                eprintln!("{told:?}");
            }
        }
    });
    let start = std::time::Instant::now();
    let image = image::ensure(&recipe, &cache, &teller).await.unwrap();
    eprintln!("ensured in {:?}", start.elapsed());
    let start = std::time::Instant::now();
    assert!(matches!(image::open(&recipe, &cache), image::Found::Whole(_)));
    eprintln!("opened in {:?}", start.elapsed());
    assert!(image.manifest.packages.iter().any(|p| p.name == "nginx-light"));
    drop(teller);
    telling.await.unwrap();
}
