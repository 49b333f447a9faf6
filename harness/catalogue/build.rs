//! The derive macro sees a changed file by itself, but not a new or a removed one.

fn main() {
    for folder in ["scenarios", "snapshots", "images"] {
        println!("cargo:rerun-if-changed=../../{folder}");
    }
}
