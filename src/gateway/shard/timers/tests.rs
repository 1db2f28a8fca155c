//! The timers under a clock that the tests move.

use std::future::poll_fn;
use std::task::Waker;
use std::time::Duration;

use proptest::prelude::*;

use super::super::slots::Slots;
use super::*;

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn keys(count: usize) -> Vec<Key> {
    let mut slots = Slots::new();
    (0..count).map(|_| slots.insert(|_| ())).collect()
}

/// What comes up within so many seconds, and whether it counts.
fn come_up(timers: &mut Timers, alarm: &mut Alarm, until: Instant) -> Vec<(Instant, bool)> {
    let popped = std::iter::from_fn(|| timers.pop(until));
    popped.map(|(at, _)| (at, alarm.rings(at))).collect()
}

/// Waits until the clock rings. Returns after how many seconds.
async fn ring(timers: &mut Timers) -> u64 {
    let start = tokio::time::Instant::now();
    poll_fn(|cx| if timers.poll(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_was_overtaken_is_skipped() {
    let (mut timers, mut alarm, key, start) = (Timers::new(), Alarm::default(), keys(1)[0], now());
    timers.set(key, &mut alarm, Some(start + seconds(5)));
    timers.set(key, &mut alarm, Some(start + seconds(2)));
    assert_eq!(come_up(&mut timers, &mut alarm, start + seconds(1)), []);
    assert_eq!(come_up(&mut timers, &mut alarm, start + seconds(2)), [(start + seconds(2), true)]);
    timers.set(key, &mut alarm, Some(start + seconds(6)));
    let (overtaken, last) = ((start + seconds(5), false), (start + seconds(6), true));
    assert_eq!(come_up(&mut timers, &mut alarm, start + seconds(9)), [overtaken, last]);
}

#[tokio::test(start_paused = true)]
async fn of_entries_for_one_time_only_one_counts() {
    let (mut timers, mut alarm, key, start) = (Timers::new(), Alarm::default(), keys(1)[0], now());
    let (soon, later) = (start + seconds(2), start + seconds(5));
    timers.set(key, &mut alarm, Some(later));
    timers.set(key, &mut alarm, Some(soon));
    assert_eq!(come_up(&mut timers, &mut alarm, soon), [(soon, true)]);
    timers.set(key, &mut alarm, Some(later));
    assert_eq!(come_up(&mut timers, &mut alarm, later), [(later, true), (later, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_moves_away_takes_no_further_entry() {
    let (mut timers, mut alarm, key, start) = (Timers::new(), Alarm::default(), keys(1)[0], now());
    (1..100).for_each(|at| timers.set(key, &mut alarm, Some(start + seconds(at))));
    timers.set(key, &mut alarm, None);
    assert_eq!(timers.due.len(), 1);
    assert_eq!(come_up(&mut timers, &mut alarm, start + seconds(200)), [(start + seconds(1), true)]);
}

#[tokio::test(start_paused = true)]
async fn the_clock_rings_for_the_next_entry() {
    let (mut timers, keys, start) = (Timers::new(), keys(2), now());
    let mut alarms = [Alarm::default(), Alarm::default()];
    let mut cx = Context::from_waker(Waker::noop());
    assert!(!timers.poll(&mut cx), "there is none");
    timers.set(keys[0], &mut alarms[0], Some(start + seconds(10)));
    assert!(!timers.poll(&mut cx));
    timers.set(keys[1], &mut alarms[1], Some(start + seconds(3)));
    assert_eq!(ring(&mut timers).await, 3, "the nearer one, which came later");
    assert!(timers.poll(&mut cx), "until it is taken");
    assert_eq!(timers.pop(now()), Some((start + seconds(3), keys[1])));
    assert_eq!(timers.pop(now()), None);
    assert_eq!(ring(&mut timers).await, 7);
    assert_eq!(timers.pop(now()), Some((start + seconds(10), keys[0])));
    assert!(!timers.poll(&mut cx));
}

#[derive(Clone, Debug)]
enum Step {
    Deadline(usize, u64),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3usize, 0..20u64).prop_map(|(who, after)| Step::Deadline(who, after)),
        2 => (0..10u64).prop_map(Step::Pass),
    ]
}

/// Does as a shard does: whoever's entry comes up is looked at, and its deadline is set again after that.
async fn keep_deadlines(steps: Vec<Step>) {
    let (mut timers, keys, mut now) = (Timers::new(), keys(3), now());
    let (mut alarms, mut deadlines) = ([(); 3].map(|()| Alarm::default()), [None::<Instant>; 3]);
    for step in steps {
        match step {
            Step::Deadline(who, after) => {
                deadlines[who] = Some(now + seconds(after));
                timers.set(keys[who], &mut alarms[who], deadlines[who]);
            }
            Step::Pass(time) => {
                now += seconds(time);
                let (mut kept, due) = ([0; 3], deadlines.map(|deadline| deadline.is_some_and(|at| at <= now)));
                while let Some((at, key)) = timers.pop(now) {
                    let who = keys.iter().position(|other| *other == key).expect("one of them");
                    assert!(at <= now);
                    if !alarms[who].rings(at) {
                        continue;
                    }
                    if deadlines[who].is_some_and(|deadline| deadline <= now) {
                        deadlines[who] = None;
                        kept[who] += 1;
                    }
                    timers.set(key, &mut alarms[who], deadlines[who]);
                }
                assert_eq!(kept, due.map(u8::from), "each deadline that has passed is seen to, once");
            }
        }
    }
}

proptest! {
    #[test]
    fn every_deadline_is_seen_to_however_it_was_moved(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(keep_deadlines(steps));
    }
}
