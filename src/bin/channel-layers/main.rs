//! The `channel-layers` command.

fn main() {}
