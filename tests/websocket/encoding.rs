//! Frames of the server: their bytes as RFC 6455 gives them, and their bounds.

use channel_layers::gateway::session::FrameKind;
use channel_layers::gateway::websocket::{begin, close, close_without_code, frame, ping, pong};

#[test]
fn the_examples_of_rfc_6455() {
    // Section 5.7.
    assert_eq!(frame(FrameKind::Text, b"Hello"), &[0x81, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..]);
    assert_eq!(ping(b"Hello"), &[0x89, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..]);
    assert_eq!(pong(b"Hello"), &[0x8a, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..]);
    assert_eq!(frame(FrameKind::Binary, &[0; 256])[..4], [0x82, 0x7e, 0x01, 0x00]);
    assert_eq!(frame(FrameKind::Binary, &[0; 65_536])[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn lengths_take_their_shortest_form() {
    for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
        let whole = frame(FrameKind::Text, &vec![b'a'; length]);
        assert_eq!(whole.len(), header + length);
        let begun = begin(FrameKind::Text, length);
        assert_eq!((begun.len(), begun.capacity()), (header, header + length));
        assert_eq!(begun, whole[..header]);
    }
}

#[test]
fn closes_fit_a_control_frame() {
    assert_eq!(close(1000, ""), &[0x88, 2, 0x03, 0xe8][..]);
    assert_eq!(close(4000, "bye"), &[0x88, 5, 0x0f, 0xa0, b'b', b'y', b'e'][..]);
    assert_eq!(close_without_code(), &[0x88, 0][..]);
    assert_eq!(close(1000, &"a".repeat(123))[..2], [0x88, 125]);
    assert_eq!(close(1000, &"a".repeat(999))[..2], [0x88, 125]);
    // 41 characters of three bytes are 123; behind two letters, 40 of them fit.
    assert_eq!(close(1000, &"€".repeat(99))[..2], [0x88, 125]);
    let cut = close(1000, &format!("ab{}", "€".repeat(99)));
    assert_eq!(std::str::from_utf8(&cut[4..]).unwrap(), format!("ab{}", "€".repeat(40)));
}

#[test]
fn pings_and_pongs_are_cut_to_a_control_frame() {
    assert_eq!(ping(&[1; 126]), ping(&[1; 125]));
    assert_eq!(pong(&[1; 9999])[..2], [0x8a, 125]);
}
