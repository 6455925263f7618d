//! Writes synthetic Exchange evidence with a known story.
