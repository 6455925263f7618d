//! What is known of the product: builds, fixes, updates, paths, known-good files.
