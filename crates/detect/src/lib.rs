//! Rules and packs compiled into one plan, and the observers that need every event.
