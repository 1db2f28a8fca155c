//! What counts against a room's bounds, and who is told that it lost something.

use super::*;

const BOUNDS: Bounds = Bounds { messages: 3, bytes: 100 };

fn roster(shards: usize) -> Arc<Roster> {
    Roster::new(7, GroupName::new("room").expect("valid"), false, shards)
}

#[test]
fn a_shard_is_told_of_so_many_messages() {
    let roster = roster(1);
    let part = roster.part(0);
    assert_eq!([(); 5].map(|()| part.admit(1, BOUNDS)), [true, true, true, false, false]);
    part.release(1);
    assert_eq!([part.admit(1, BOUNDS), part.admit(1, BOUNDS)], [true, false], "those refused hold no place");
}

#[test]
fn a_shard_is_told_of_so_many_bytes_or_of_one_message() {
    let roster = roster(1);
    let part = roster.part(0);
    assert_eq!([part.admit(60, BOUNDS), part.admit(41, BOUNDS), part.admit(40, BOUNDS)], [true, false, true]);
    part.release(60);
    part.release(40);
    assert_eq!([part.admit(1000, BOUNDS), part.admit(0, BOUNDS)], [true, false], "one fits, and then nothing");
    part.release(1000);
    assert_eq!((part.waiting.load(Ordering::Relaxed), part.waiting_bytes.load(Ordering::Relaxed)), (0, 0));
}

#[test]
fn a_room_of_no_messages_takes_none() {
    assert!(!roster(1).part(0).admit(0, Bounds { messages: 0, bytes: 100 }));
}

#[test]
fn shards_have_bounds_of_their_own() {
    let roster = roster(2);
    assert!((0..3).all(|_| roster.part(0).admit(1, BOUNDS)));
    assert_eq!([roster.part(0).admit(1, BOUNDS), roster.part(1).admit(1, BOUNDS)], [false, true]);
    assert!(roster.part(1).begin_losing());
    assert_eq!([roster.part(0).is_losing(), roster.part(1).is_losing()], [false, true]);
}

#[test]
fn a_loss_is_told_once_until_the_members_are_out() {
    let roster = roster(1);
    let part = roster.part(0);
    assert!(!part.is_losing());
    assert_eq!([part.begin_losing(), part.begin_losing(), part.is_losing()], [true, false, true]);
    part.end_losing();
    assert_eq!([part.is_losing(), part.begin_losing()], [false, true]);
}

#[test]
fn members_are_counted_where_they_are() {
    let roster = roster(3);
    [0, 2, 2].into_iter().for_each(|shard| roster.part(shard).enter());
    assert_eq!(
        (roster.members(), roster.parts().iter().map(Part::has_members).collect::<Vec<_>>()),
        (3, vec![true, false, true])
    );
    roster.part(0).leave();
    roster.part(2).leave();
    assert_eq!([0, 1, 2].map(|shard| roster.part(shard).has_members()), [false, false, true]);
}
