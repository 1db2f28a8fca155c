//! What is allocated: for bytes that came, never for a length that was declared, and nothing between messages.

use channel_layers::gateway::session::FrameKind;
use channel_layers::gateway::websocket::{self, Decoder, Event};

use super::wire::{BINARY, CONTINUE, MASK, Outcome, PING, TEXT, feed, last, more};

/// Runs `what` and returns what it left allocated, the most that was at one time, and how often it allocated.
fn allocated(what: impl FnOnce()) -> (i64, u64, u64) {
    let info = allocation_counter::measure(what);
    (info.bytes_current, info.bytes_max, info.count_total)
}

#[test]
fn a_connection_is_small() {
    assert!(size_of::<Decoder>() <= 64, "{}", size_of::<Decoder>());
}

#[test]
fn a_message_in_one_read_is_one_allocation_of_its_size() {
    for length in [1_usize, 125, 4000, 70_000] {
        let bytes = last(BINARY, vec![7; length]);
        let mut decoder = Decoder::new(70_000);
        let (left, most, times) = allocated(|| drop(decoder.decode(&bytes)));
        assert_eq!((left, most, times), (0, u64::try_from(length).unwrap(), 1));
    }
}

#[test]
fn a_frame_is_one_allocation_of_its_size() {
    for length in [0_usize, 1, 125, 126, 70_000] {
        let payload = vec![b'a'; length];
        let size = u64::try_from(websocket::frame(FrameKind::Text, &payload).len()).unwrap();
        assert_eq!(allocated(|| drop(websocket::frame(FrameKind::Text, &payload))), (0, size, 1));
    }
    assert_eq!(allocated(|| drop(websocket::close(1000, "a reason"))).2, 1);
    assert_eq!(allocated(|| drop(websocket::pong(b"payload"))).2, 1);
}

#[test]
fn between_messages_nothing_is_held() {
    let sends = [
        last(TEXT, "a"),
        last(PING, "b"),
        [more(TEXT, "a"), last(PING, "b"), more(CONTINUE, ""), last(CONTINUE, "c")].concat(),
    ];
    for bytes in sends {
        for size in 1..=bytes.len() {
            let mut decoder = Decoder::new(100);
            let mut messages = 0;
            let (left, ..) = allocated(|| {
                let mut outcome = Outcome::default();
                bytes.chunks(size).for_each(|read| feed(&mut decoder, read, &mut outcome));
                messages = outcome.events.len();
            });
            assert!(messages > 0);
            assert_eq!(left, 0, "in reads of {size} bytes");
        }
    }
}

#[test]
fn a_declared_length_allocates_nothing() {
    const LIMIT: usize = 64 << 20;
    let header = [&[0x82, 0xff], (LIMIT as u64).to_be_bytes().as_slice(), &MASK].concat();
    let mut decoder = Decoder::new(LIMIT);
    let (_, most, _) = allocated(|| {
        assert_eq!(decoder.decode(&header), Ok((header.len(), None)));
        assert_eq!(decoder.decode(&[0; 100]), Ok((100, None)));
    });
    assert!(most < 1000, "{most} bytes for a hundred that came");
    let (left, ..) = allocated(|| drop(decoder));
    assert!(left < 0, "what was held is given back");
}

#[test]
fn memory_follows_the_bytes_up_to_the_limit() {
    const LIMIT: usize = 1 << 20;
    for fragment in [1000, 60_000] {
        let (_, most, _) = allocated(|| {
            let mut decoder = Decoder::new(LIMIT);
            let mut came = 0;
            let first = more(BINARY, []);
            assert_eq!(decoder.decode(&first), Ok((first.len(), None)));
            while came + fragment <= LIMIT {
                let bytes = more(CONTINUE, vec![0; fragment]);
                assert_eq!(decoder.decode(&bytes), Ok((bytes.len(), None)));
                came += fragment;
            }
        });
        // A buffer that grows is there twice for a moment, and the fragment itself is counted.
        let bound = u64::try_from(2 * LIMIT + 2 * fragment + 1000).unwrap();
        assert!(most <= bound, "{most} of {bound} bytes");
    }
}

#[test]
fn empty_fragments_add_nothing() {
    let fragment = more(CONTINUE, []);
    let mut decoder = Decoder::new(1000);
    assert!(matches!(decoder.decode(&more(TEXT, "a")), Ok((_, None))));
    let (left, most, times) = allocated(|| {
        for _ in 0..100 {
            assert_eq!(decoder.decode(&fragment), Ok((fragment.len(), None)));
        }
    });
    assert_eq!((left, most, times), (0, 0, 0));
    let end = last(CONTINUE, []);
    assert_eq!(decoder.decode(&end), Ok((end.len(), Some(Event::Message(FrameKind::Text, "a".into())))));
}

#[test]
fn a_connection_that_is_over_holds_nothing() {
    for end in [last(8, []), last(3, [])] {
        let mut decoder = Decoder::new(1000);
        let (left, ..) = allocated(|| {
            assert!(matches!(decoder.decode(&more(TEXT, "a")), Ok((_, None))));
            let _ = decoder.decode(&end);
            assert_eq!(decoder.decode(&more(TEXT, "thrown away")), Ok((17, None)));
        });
        assert_eq!(left, 0);
    }
}
