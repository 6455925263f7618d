//! Finds and opens evidence in place: the only room that opens evidence.
