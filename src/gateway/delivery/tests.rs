//! What is written once, what goes together, and in which order.

use proptest::prelude::*;

use super::*;
use crate::protocol::GroupName;

const FORMS: [Form; 4] = [
    Form { encoding: Encoding::Json, deflated: false },
    Form { encoding: Encoding::Json, deflated: true },
    Form { encoding: Encoding::Msgpack, deflated: false },
    Form { encoding: Encoding::Msgpack, deflated: true },
];

fn group() -> GroupName {
    GroupName::new("room").expect("valid")
}

/// A message with a text of this length, and its number.
fn numbered(number: usize, length: usize) -> Message {
    crate::message! { "type": "test.message", "number": number as u64, "text": "x".repeat(length) }
}

fn delivery(message: Message) -> Arc<Delivery> {
    Arc::new(Delivery::new(Roster::new(1, group(), false, 1), message))
}

/// What one message is on the wire without anything that is shared.
fn frame(form: Form, message: &Message) -> Bytes {
    form.frame(Target::Group(group()), message.clone(), &mut None)
}

fn bytes(deliveries: &[Arc<Delivery>], form: Form) -> Bytes {
    Run::split(deliveries).0.bytes(form, &mut None).clone()
}

#[test]
fn a_frame_is_made_once_for_each_form() {
    let message = numbered(1, 1000);
    let delivery = [delivery(message.clone())];
    let frames = FORMS.map(|form| {
        // Two runs, as two shards have.
        let (first, second) = (bytes(&delivery, form), bytes(&delivery, form));
        assert_eq!(first.as_ptr(), second.as_ptr(), "{form:?} is made once");
        assert_eq!(first, frame(form, &message));
        first
    });
    for (at, frame) in frames.iter().enumerate() {
        assert!(frames[..at].iter().all(|other| other != frame), "{:?} has a frame of its own", FORMS[at]);
    }
    assert!(frames[1].len() < frames[0].len() && frames[3].len() < frames[2].len(), "compressed ones are smaller");
}

#[test]
fn a_run_is_put_together_once_for_each_form() {
    let messages = [1, 2, 3].map(|number| numbered(number, 300));
    let deliveries = messages.clone().map(delivery);
    let mut run = Run::split(&deliveries).0;
    for form in FORMS {
        let merged = run.bytes(form, &mut None).clone();
        assert_eq!(merged.as_ptr(), run.bytes(form, &mut None).as_ptr());
        assert_eq!(merged, messages.iter().map(|message| frame(form, message)).collect::<Vec<_>>().concat());
    }
    assert_eq!(run.len(), 3);
}

#[test]
fn a_short_message_is_sent_as_it_is() {
    let delivery = [delivery(numbered(1, 10))];
    let [plain, deflated, ..] = FORMS.map(|form| bytes(&delivery, form));
    assert_eq!(plain, deflated);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn runs_are_as_long_as_the_bound_lets_them_be(lengths in prop::collection::vec(prop_oneof![
        4 => 0..2000usize,
        2 => 10_000..40_000usize,
        1 => MERGED - 200..MERGED + 10,
    ], 0..40)) {
        let deliveries: Vec<_> =
            lengths.iter().enumerate().map(|(number, length)| delivery(numbered(number, *length))).collect();
        let size = |some: &[Arc<Delivery>]| some.iter().map(|delivery| delivery.size()).sum::<usize>();
        let (mut rest, mut seen) = (&deliveries[..], 0);
        while !rest.is_empty() {
            let (run, others) = Run::split(rest);
            let expected = &deliveries[seen..seen + run.len()];
            prop_assert!(run.deliveries.iter().zip(expected).all(|(one, other)| Arc::ptr_eq(one, other)), "in order");
            prop_assert!(run.len() == 1 || size(run.deliveries) <= MERGED);
            prop_assert!(others.is_empty() || size(&rest[..run.len() + 1]) > MERGED, "one more would fit");
            seen += run.len();
            rest = others;
        }
        prop_assert_eq!(seen, deliveries.len());
    }
}
