//! What a book of answers keeps, for how long, and how much of it.

use super::*;

fn ticket(id: u32, request: u8) -> Ticket {
    Ticket { book: None, id: sum(&[&id.to_le_bytes()]), request: [request; 32] }
}

fn reply(bytes: usize) -> Reply {
    Reply::new(StatusCode::OK, &"x".repeat(bytes), true)
}

/// Begins what must be new.
fn begin(book: &mut Book, ticket: &Ticket, now: Instant) -> u64 {
    match book.begin(ticket, now) {
        Begin::New(serial) => serial,
        _ => panic!("it is there already"),
    }
}

#[test]
fn an_answer_is_kept_for_five_minutes() {
    let (mut book, now) = (Book::default(), Instant::now());
    let serial = begin(&mut book, &ticket(1, 1), now);
    assert!(matches!(book.begin(&ticket(1, 1), now), Begin::Running));
    assert!(matches!(book.begin(&ticket(1, 2), now), Begin::Another));
    book.keep(&ticket(1, 1), serial, &reply(10));
    let last = now + KEPT - Duration::from_millis(1);
    assert!(matches!(book.begin(&ticket(1, 1), last), Begin::Kept(_)));
    assert!(matches!(book.begin(&ticket(1, 2), last), Begin::Another));
    begin(&mut book, &ticket(1, 2), now + KEPT);
    assert_eq!((book.bytes, book.entries.len(), book.order.len()), (0, 1, 1));
}

#[test]
fn what_was_given_up_can_begin_again_and_is_not_forgotten_with_its_first_time() {
    let (mut book, now) = (Book::default(), Instant::now());
    let first = begin(&mut book, &ticket(1, 1), now);
    book.give_up(&ticket(1, 1), first);
    let later = now + KEPT / 2;
    let second = begin(&mut book, &ticket(1, 1), later);
    book.keep(&ticket(1, 1), second, &reply(10));
    // The first one's end, and its time, are nothing to the second.
    book.give_up(&ticket(1, 1), first);
    book.give_up(&ticket(1, 1), second);
    assert!(matches!(book.begin(&ticket(1, 1), now + KEPT), Begin::Kept(_)));
}

#[test]
fn the_oldest_make_room_for_new_ones() {
    let (mut book, now) = (Book::default(), Instant::now());
    for id in 0..u32::try_from(ANSWERS).unwrap() + 10 {
        let serial = begin(&mut book, &ticket(id, 1), now);
        book.keep(&ticket(id, 1), serial, &reply(10));
    }
    assert_eq!((book.entries.len(), book.order.len(), book.bytes), (ANSWERS, ANSWERS, ANSWERS * 12));
    begin(&mut book, &ticket(9, 1), now);
    let mut book = Book::default();
    for id in 0..10 {
        let serial = begin(&mut book, &ticket(id, 1), now);
        book.keep(&ticket(id, 1), serial, &reply(BYTES / 4));
    }
    assert!(book.bytes <= BYTES + BYTES / 4 + 2, "{}", book.bytes);
    assert!(matches!(book.begin(&ticket(9, 1), now), Begin::Kept(_)));
}

#[tokio::test]
async fn work_that_panics_gives_its_place_up() {
    let answers = Arc::new(Answers::default());
    let failed = answers.once(Some(ticket(1, 1)), async { panic!("on purpose") }).await;
    assert_eq!(failed.unwrap_err().code(), ErrorCode::INTERNAL);
    let done = answers.once(Some(ticket(1, 1)), async { Ok(reply(1)) }).await;
    assert!(done.is_ok());
}

#[test]
fn parts_of_a_sum_do_not_run_into_each_other() {
    assert_ne!(sum(&[b"ab", b"c"]), sum(&[b"a", b"bc"]));
}
