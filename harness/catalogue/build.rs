//! The derive macro sees a changed file by itself, but not a new one or one that is gone.

fn main() {
    for folder in ["scenarios", "snapshots", "images"] {
        println!("cargo:rerun-if-changed=../../{folder}");
    }
}
