//! Reads everything in a folder, archives too, and says how much that was: for measuring speed and memory.

use std::io::Read;
use std::path::PathBuf;

use evidence::{Inventory, Opening, Unit};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let roots = [PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()))];
    let opening = Opening { passwords: arguments.collect(), ..Opening::default() };
    let inventory = Inventory::walk_with(&roots, &opening).expect("the folder is there");
    let (mut bytes, mut unread) = (0_u64, 0_u64);
    let mut buffer = vec![0; 256 * 1024];
    let mut take = |opened: Result<evidence::Opened<'_>, _>| {
        let Ok(mut opened) = opened else { return unread += 1 };
        loop {
            match opened.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => bytes += count as u64,
                Err(_) => break unread += 1,
            }
        }
    };
    for unit in inventory.units() {
        match unit {
            Unit::One(index) => take(inventory.open(&inventory.inputs[index])),
            Unit::Sequence(indexes) => inventory.open_sequence(&indexes, &mut |_, opened| {
                take(opened);
                true
            }),
        }
    }
    #[allow(clippy::print_stdout)]
    {
        println!("{} inputs, {bytes} bytes, {unread} not read", inventory.inputs.len());
    }
}
