//! An assessment becomes a page, a timeline, a manifest: one file per output.
