//! Messages out of Redis, where anybody may have put anything: never a panic, and what is read and can be written
//! is read then as it was before, with whom it is for.
#![no_main]

use std::time::Duration;

use bytes::Bytes;
use channel_layers::Message;
use channel_layers::layer::redis::{RedisConfig, Written};
use libfuzzer_sys::fuzz_target;

/// What the tokens of encrypted messages are dated.
const NOW: Duration = Duration::from_secs(1_700_000_000);

/// What a message says, written in the one way in which NaN equals itself.
fn content(message: &Message) -> Bytes {
    Message::try_from(message.to_map()).expect("it nests as deep as it did").msgpack().clone()
}

// The first byte of the input says how the layer is set up, the rest is what stands in Redis.
fuzz_target!(|input: &[u8]| {
    let Some((first, bytes)) = input.split_first() else { return };
    let (json, prefix, core, encrypted) = (first & 1 != 0, first & 2 != 0, first & 4 == 0, first & 8 != 0);
    let config = RedisConfig::default()
        .with_serializer_format(if json { "json" } else { "msgpack" })
        .with_random_prefix_length(if prefix { 12 } else { 0 })
        .with_symmetric_encryption_keys(encrypted.then_some("a-test-key"));
    let layer = if core { Written::core(&config) } else { Written::pubsub(&config) }.expect("the settings are right");
    let Ok((message, to)) = layer.read(Bytes::copy_from_slice(bytes), NOW) else { return };
    assert!(core || to.is_empty(), "published messages name nobody");
    let names: Vec<_> = to.iter().map(String::as_str).collect();
    let Ok(written) = layer.write(&message, &names, NOW) else {
        // They stand in our JSON in a way that Python's has not.
        return assert!(json && message.to_string().contains("$bytes"), "only bytes in JSON cannot be written");
    };
    let (again, to_again) = layer.read(written, NOW).expect("what was written can be read");
    assert_eq!((content(&again), to_again), (content(&message), to));
});
