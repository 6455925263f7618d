//! Bytes to events: one folder per format, never a path, never a file.
