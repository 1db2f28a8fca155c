//! Messages out of Redis, where anybody may have put anything: never a panic, and what is read and can be written
//! is read then as it was before, with whom it is for.
#![no_main]

use std::time::Duration;

use bytes::Bytes;
use channel_layers::layer::redis::{RedisConfig, Written};
use libfuzzer_sys::fuzz_target;

/// What the tokens of encrypted messages are dated.
const NOW: Duration = Duration::from_secs(1_700_000_000);

// The first byte of the input says how the layer is set up, the rest is what stands in Redis.
fuzz_target!(|input: &[u8]| {
    let Some((first, bytes)) = input.split_first() else { return };
    let config = RedisConfig::default()
        .with_serializer_format(if first & 1 == 0 { "msgpack" } else { "json" })
        .with_random_prefix_length(if first & 2 == 0 { 0 } else { 12 });
    let core = first & 4 == 0;
    let layer = if core { Written::core(&config) } else { Written::pubsub(&config) }.expect("the settings are right");
    let Ok((message, to)) = layer.read(Bytes::copy_from_slice(bytes), NOW) else { return };
    assert!(core || to.is_empty(), "published messages name nobody");
    let names: Vec<_> = to.iter().map(String::as_str).collect();
    // Python reads NaN and infinities in JSON, and we pass them on, but write none.
    let Ok(written) = layer.write(&message, &names, NOW) else { return assert!(first & 1 == 1, "MessagePack holds it all") };
    let (again, to_again) = layer.read(written, NOW).expect("what was written can be read");
    assert_eq!((again.json(), to_again), (message.json(), to));
});
