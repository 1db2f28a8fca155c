//! How long decisions count and how many there are.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn asked(n: u8) -> Asked {
    [n; 32]
}

fn user(cache: &Cache, n: u8, now: Instant) -> Option<String> {
    cache.get(&asked(n), now).map(|decided| decided.unwrap().user.unwrap())
}

#[tokio::test]
async fn a_decision_counts_for_its_time() {
    let (cache, now) = (Cache::new(2), Instant::now());
    cache.put(asked(1), &Ok(Identity::user("ann")), SECOND, now);
    assert_eq!(user(&cache, 1, now).as_deref(), Some("ann"));
    assert_eq!(user(&cache, 1, now + SECOND), None);
    assert_eq!(user(&cache, 2, now), None);
    cache.put(asked(2), &Ok(Identity::user("bob")), Duration::ZERO, now);
    assert_eq!(user(&cache, 2, now), None);
    cache.put(asked(2), &Err(Denied::Forbidden("no".into())), Duration::MAX, now);
    assert!(cache.get(&asked(2), now).is_none(), "no clock shows that time");
    cache.put(asked(2), &Err(Denied::Forbidden("no".into())), SECOND, now);
    assert_eq!(cache.get(&asked(2), now).unwrap().unwrap_err(), Denied::Forbidden("no".into()));
}

#[tokio::test]
async fn there_are_no_more_than_the_limit() {
    let (cache, now) = (Cache::new(2), Instant::now());
    for n in 1..=3 {
        cache.put(asked(n), &Ok(Identity::user(n.to_string())), SECOND, now);
    }
    assert_eq!(user(&cache, 1, now), None, "the first one went");
    assert_eq!(user(&cache, 2, now).as_deref(), Some("2"));
    for _ in 0..10 {
        cache.put(asked(3), &Ok(Identity::user("3")), SECOND, now);
    }
    assert_eq!(user(&cache, 3, now).as_deref(), Some("3"), "what is put in again is not taken for the oldest");
    let state = cache.state.lock().unwrap();
    assert!(state.order.len() <= 2 && state.decisions.len() <= 2);
    let none = Cache::new(0);
    none.put(asked(1), &Ok(Identity::user("ann")), SECOND, now);
    assert_eq!(user(&none, 1, now), None);
}

#[tokio::test]
async fn what_is_kept_ends_when_it_would_have() {
    let (cache, now) = (Cache::new(2), Instant::now());
    cache.put(asked(1), &Ok(Identity::user("ann").expires_in(3 * SECOND)), 10 * SECOND, now);
    assert_eq!(cache.get(&asked(1), now + SECOND).unwrap().unwrap().expires, Some(2 * SECOND));
    assert!(cache.get(&asked(1), now + 3 * SECOND).is_none());
}
