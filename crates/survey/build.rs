//! Does nothing: it stands here so that the build dependency on `openssl-src` has a build to belong to.

fn main() {}
