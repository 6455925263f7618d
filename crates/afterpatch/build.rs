//! Rebuilds the program when a pack changes: the packs are part of it.
fn main() {
    println!("cargo:rerun-if-changed=../../packs");
}
