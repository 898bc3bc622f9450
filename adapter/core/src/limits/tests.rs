//! What the limits promise together; each one's own promises are tested beside it.

use std::time::UNIX_EPOCH;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::keys::{Right, Scope};

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn key(limits: KeyLimits) -> Key {
    Key { limits, ..Key::new("k", Scope::All, Scope::All, &Right::ALL) }
}

/// Takes places until there are no more for this key.
fn fill(limits: &Limits, key: &Key, keys: usize) -> Vec<Permit> {
    std::iter::from_fn(|| limits.admit(key, keys, UNIX_EPOCH).ok()).collect()
}

#[test]
fn a_key_has_no_more_calls_at_a_time_than_it_may() {
    let limits = Limits::new(number(100));
    let key = key(KeyLimits { concurrency: Some(number(3)), ..KeyLimits::default() });
    let mut held = fill(&limits, &key, 1);
    assert_eq!(held.len(), 3);
    let refused = limits.admit(&key, 1, UNIX_EPOCH).err();
    assert_eq!(refused, Some(Rejection::KeyBusy { limit: number(3) }));
    held.pop();
    assert!(limits.admit(&key, 1, UNIX_EPOCH).is_ok());
    drop(held);
    assert_eq!(key.used.held.count(), 0);
}

#[test]
fn a_call_without_a_place_does_not_use_the_rate_up() {
    let limits = Limits::new(number(100));
    let rate = Rate::parse("1/h").unwrap().with_burst(number(2));
    let key = key(KeyLimits { rate: Some(rate), concurrency: Some(number(1)) });
    let running = limits.admit(&key, 1, UNIX_EPOCH).unwrap();
    assert!(matches!(limits.admit(&key, 1, UNIX_EPOCH), Err(Rejection::KeyBusy { .. })));
    drop(running);
    assert!(limits.admit(&key, 1, UNIX_EPOCH).is_ok());
    let refused = limits.admit(&key, 1, UNIX_EPOCH).err();
    assert_eq!(refused, Some(Rejection::RateLimited { rate, retry_after_s: 3_600 }));
    assert_eq!(key.used.held.count(), 0, "its place is given back");
}

/// 100 places: 25 are shared out, of 75 in common one key may hold 60.
#[test]
fn one_greedy_key_leaves_room_in_common_and_the_others_own() {
    let limits = Limits::new(number(100));
    let (greedy, other) = (key(KeyLimits::default()), key(KeyLimits::default()));
    let held = fill(&limits, &greedy, 5);
    assert_eq!(held.len(), 5 + 60);
    assert_eq!(limits.admit(&greedy, 5, UNIX_EPOCH).err(), Some(Rejection::Busy { limit: number(100) }));
    assert_eq!(fill(&limits, &other, 5).len(), 5 + 12);
}

/// As calls end, keys that want all they can get come to hold as much as each other.
#[test]
fn greedy_keys_even_out() {
    let limits = Limits::new(number(1_000));
    let keys: Vec<Key> = (0..4).map(|_| key(KeyLimits::default())).collect();
    let mut held: Vec<Vec<Permit>> = keys.iter().map(|key| fill(&limits, key, 4)).collect();
    let counts = |held: &[Vec<Permit>]| held.iter().map(Vec::len).collect::<Vec<_>>();
    let first = counts(&held);
    assert!(first[0] > 5 * first[3], "who comes first has more at first: {first:?}");
    for _ in 0..1_000 {
        for (key, held) in keys.iter().zip(&mut held) {
            held.pop();
            held.extend(limits.admit(key, 4, UNIX_EPOCH).into_iter().chain(limits.admit(key, 4, UNIX_EPOCH)));
        }
    }
    let last = counts(&held);
    let (least, most) = (last.iter().min().unwrap(), last.iter().max().unwrap());
    assert!(most - least <= 8, "in the end: {last:?}");
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Take,
    GiveBack,
}

fn any_deeds(keys: usize) -> impl Strategy<Value = Vec<(usize, Deed)>> {
    let deed = prop_oneof![3 => Just(Deed::Take), 1 => Just(Deed::GiveBack)];
    vec((0..keys, deed), 0..600)
}

proptest! {
    #[test]
    fn who_holds_fewer_than_its_own_is_never_refused_and_all_together_never_have_more(
        (places, keys, deeds) in (1_u32..80, 1_usize..8)
            .prop_flat_map(|(places, keys)| (Just(places), Just(keys), any_deeds(keys)))
    ) {
        let limits = Limits::new(number(places));
        let ring: Vec<Key> = (0..keys).map(|_| key(KeyLimits::default())).collect();
        let mut held: Vec<Vec<Permit>> = ring.iter().map(|_| Vec::new()).collect();
        for (index, deed) in deeds {
            match deed {
                Deed::GiveBack => drop(held[index].pop()),
                Deed::Take => {
                    let few = held[index].len() < usize::try_from(limits.places.own(keys)).unwrap();
                    let taken = limits.admit(&ring[index], keys, UNIX_EPOCH);
                    prop_assert!(taken.is_ok() || !few, "refused with {} of its own", held[index].len());
                    held[index].extend(taken);
                }
            }
            prop_assert!(held.iter().map(Vec::len).sum::<usize>() <= usize::try_from(places).unwrap());
            for (key, held) in ring.iter().zip(&held) {
                prop_assert_eq!(key.used.held.count(), u64::try_from(held.len()).unwrap());
            }
        }
    }
}
