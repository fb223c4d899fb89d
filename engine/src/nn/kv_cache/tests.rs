use candle_core::Tensor;

use super::*;
use crate::kernels::buffer::Buffer;

fn random(shape: (usize, usize, usize)) -> Tensor {
    Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap()
}

fn here(x: &Tensor) -> Rows {
    Rows::copy(x).unwrap()
}

fn distance(a: &Rows, b: &Rows) -> f32 {
    let (a, b) = (a.to_tensor().unwrap(), b.to_tensor().unwrap());
    assert_eq!(a.dims(), b.dims());
    (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

fn alone(cache: &KvCache, q: &Rows, sees: &[Range<usize>], rule: AttentionRule) -> candle_core::Result<Rows> {
    KvCache::attend(&[(cache, 0..sees.len())], q, sees, rule, &Masks::default())
}

/// The processor, or what `MEDLEY_DEVICE` names.
fn device() -> &'static Device {
    crate::device::for_decoders().unwrap()
}

fn there(x: &Tensor) -> Rows {
    Rows::Device(x.to_device(device()).unwrap())
}

/// Two caches of the same rows, one in the processor's memory and one as a device would keep it.
fn pair(window: Option<usize>) -> [KvCache; 2] {
    let shape = CacheShape { n_kv_heads: 2, head_dim: 8, window };
    let host = KvCache::new(shape, CacheFormat::F32, &Device::Cpu).unwrap();
    let place = Place::Device(DeviceRows::new(shape, device()).unwrap());
    [host.clone(), KvCache { place, ..host }]
}

#[test]
fn the_kernel_equals_whole_tensors_while_a_window_moves() {
    for (window, softcap) in [(None, None), (Some(5), Some(2.0)), (Some(300), None)] {
        let [mut a, mut b] = pair(window);
        let rule = AttentionRule { scale: 0.35, softcap };
        let mut pos = 0;
        for n in [1, 7, 1, 300, 1, 1, 270, 2, 600, 1, 40] {
            let (keys, values) = (random((2, n, 8)), random((2, n, 8)));
            a.append(pos, &here(&keys), &here(&values)).unwrap();
            b.append(pos, &there(&keys), &there(&values)).unwrap();
            let start = |p: usize| window.map_or(0, |window| (p + 1usize).saturating_sub(window));
            let sees: Vec<_> = (pos..pos + n).map(|p| start(p)..p + 1).collect();
            let q = random((6, n, 8));
            let x = alone(&a, &here(&q), &sees, rule).unwrap();
            let y = alone(&b, &there(&q), &sees, rule).unwrap();
            assert!(distance(&x, &y) < 1e-5, "{n} after {pos}, window {window:?}");
            pos += n;
        }
        let held = a.end - a.first;
        assert!(window.is_none_or(|window| held <= window + SLACK + 40), "{held} rows are held");
        assert_eq!((a.first, a.end), (b.first, b.end));
    }
}

#[test]
fn what_a_window_forgot_is_not_answered_for() {
    let [mut cache, _] = pair(Some(5));
    let rows = here(&random((2, 600, 8)));
    cache.append(0, &rows, &rows).unwrap();
    cache.append(600, &rows, &rows).unwrap();
    assert!(cache.reaches(1200) && cache.reaches(700) && !cache.reaches(100));
    assert!(cache.append(100, &rows, &rows).is_err());
    let rule = AttentionRule { scale: 1.0, softcap: None };
    assert!(alone(&cache, &here(&random((2, 1, 8))), std::slice::from_ref(&(90..101)), rule).is_err());
}

#[test]
fn a_saved_cache_answers_like_the_first() {
    let shape = CacheShape { n_kv_heads: 2, head_dim: 40, window: Some(9) };
    let rule = AttentionRule { scale: 0.2, softcap: None };
    for format in [CacheFormat::F32, CacheFormat::F16, CacheFormat::Q8, CacheFormat::Q4] {
        let mut cache = KvCache::new(shape, format, &Device::Cpu).unwrap();
        for pos in [0, 300, 600] {
            cache.append(pos, &here(&random((2, 300, 40))), &here(&random((2, 300, 40)))).unwrap();
        }
        let mut bytes = Vec::new();
        cache.save(900, &mut bytes).unwrap();
        let load = |most, mut bytes: &[u8]| KvCache::load(shape, format, &Device::Cpu, most, &mut bytes);
        let again = load(1000, &bytes).unwrap();
        let q = here(&random((4, 1, 40)));
        let sees = std::slice::from_ref(&(892..900));
        let (a, b) = (alone(&cache, &q, sees, rule).unwrap(), alone(&again, &q, sees, rule).unwrap());
        assert_eq!(distance(&a, &b), 0.0, "{format:?}");
        assert!(load(899, &bytes).is_err(), "too long");
        assert!(load(1000, &bytes[..bytes.len() - 1]).is_err(), "cut short");
    }
}

/// Rows on a device are written in place: what others hold stays as it was, and is saved so.
#[test]
fn clones_on_a_device_go_on_each_for_itself() {
    let rule = AttentionRule { scale: 0.3, softcap: None };
    let [mut host, mut cache] = pair(None);
    let append = |caches: [&mut KvCache; 2], n: usize| {
        let (keys, values) = (random((2, n, 8)), random((2, n, 8)));
        for cache in caches {
            let (keys, values) = match cache.place {
                Place::Host(_) => (here(&keys), here(&values)),
                Place::Device(_) | Place::Pooled(_) => (there(&keys), there(&values)),
            };
            cache.append(cache.end, &keys, &values).unwrap();
        }
    };
    append([&mut host, &mut cache], 40);
    let (mut other_host, mut other) = (host.clone(), cache.clone());
    for caches in [[&mut host, &mut cache], [&mut other_host, &mut other]] {
        let [a, b] = caches;
        a.truncate(30);
        b.truncate(30);
        append([a, b], 7);
    }
    for (host, cache) in [(&host, &cache), (&other_host, &other)] {
        let q = random((4, 1, 8));
        let sees = std::slice::from_ref(&(0..37));
        let want = alone(host, &here(&q), sees, rule).unwrap();
        let got = alone(cache, &there(&q), sees, rule).unwrap();
        assert!(distance(&got, &want) < 1e-5);
        let saved = |cache: &KvCache| {
            let mut bytes = Vec::new();
            cache.save(35, &mut bytes).unwrap();
            bytes
        };
        assert_eq!(saved(host), saved(cache));
        let bytes = saved(cache);
        let rows = DeviceRows::load(cache.shape, 35, device(), &mut &bytes[16..]).unwrap();
        let again = KvCache { place: Place::Device(rows), end: 35, ..cache.clone() };
        assert_eq!(saved(&again), bytes);
        assert!(DeviceRows::load(cache.shape, 36, device(), &mut &bytes[16..]).is_err(), "cut short");
    }
}

/// Forks that go on differently, are taken back and saved, against caches that never shared anything.
#[test]
fn forks_are_as_caches_of_their_own() {
    let rule = AttentionRule { scale: 0.2, softcap: None };
    for window in [None, Some(2000)] {
        let shape = CacheShape { n_kv_heads: 2, head_dim: 32, window };
        let read = |cache: &mut KvCache, pos: usize, n: usize, salt: usize| {
            let numbers = |salt: usize| {
                let value = |i: usize| ((i * i + (pos + salt) * i) % 401) as f32 / 200.0 - 1.0;
                let numbers: Vec<f32> = (0..2 * n * 32).map(value).collect();
                Rows::of(Buffer::of(&numbers), 32).unwrap()
            };
            cache.append(pos, &numbers(salt), &numbers(salt + 1)).unwrap();
        };
        let begun = || {
            let mut cache = KvCache::new(shape, CacheFormat::F16, &Device::Cpu).unwrap();
            (0..9).for_each(|step| read(&mut cache, 100 * step, 100, 0));
            cache
        };
        let mut forks = begun().fork(3).unwrap();
        let mut copies = [(); 3].map(|()| begun());
        assert!(forks.iter().all(|fork| fork.own_first() == 512));
        let compare = |forks: &[KvCache], copies: &[KvCache]| {
            let q = random((6, forks.len(), 32));
            let sees: Vec<_> =
                forks.iter().map(|fork| fork.end.saturating_sub(window.unwrap_or(5000))..fork.end).collect();
            let each: Vec<_> = forks.iter().enumerate().map(|(i, fork)| (fork, i..i + 1)).collect();
            let together = KvCache::attend(&each, &here(&q), &sees, rule, &Masks::default()).unwrap();
            for (i, copy) in copies.iter().enumerate() {
                let q = q.narrow(1, i, 1).unwrap().contiguous().unwrap();
                let want = alone(copy, &here(&q), &sees[i..=i], rule).unwrap();
                assert_eq!(distance(&together.select(&[i as u32]).unwrap(), &want), 0.0, "{window:?} {i}");
            }
        };
        for step in 0..30 {
            for (i, (fork, copy)) in forks.iter_mut().zip(&mut copies).enumerate() {
                for cache in [fork, copy] {
                    read(cache, cache.end, 1 + 50 * i, i);
                }
            }
            if step % 7 == 0 {
                compare(&forks, &copies);
            }
        }
        for (fork, copy) in forks.iter_mut().zip(&mut copies) {
            let bytes = |cache: &KvCache| {
                let mut bytes = Vec::new();
                cache.save(cache.end, &mut bytes).unwrap();
                bytes
            };
            assert_eq!(bytes(fork), bytes(copy));
        }
        // The second one is so long that with a window it no longer has what positions there see.
        let n = if window.is_some() { 1 } else { 2 };
        for pos in [920, 300] {
            forks.iter_mut().chain(&mut copies).for_each(|cache| cache.truncate(pos));
            assert!(forks.iter().zip(&copies).all(|(fork, copy)| fork.end == copy.end));
            compare(&forks[..n], &copies[..n]);
        }
    }
}

/// Forks on a device stand side by side; each is as one in the processor's memory, whatever they were given before.
#[test]
fn forks_on_a_device_are_as_those_of_the_processor() {
    let rule = AttentionRule { scale: 0.35, softcap: Some(3.0) };
    for window in [None, Some(40)] {
        let [mut host, mut device] = pair(window);
        let (keys, values) = (random((2, 90, 8)), random((2, 90, 8)));
        host.append(0, &here(&keys), &here(&values)).unwrap();
        device.append(0, &there(&keys), &there(&values)).unwrap();
        let whole = device.clone();
        let (mut host, mut device) = (host.fork(3).unwrap(), device.fork(3).unwrap());
        // How many rows each fork is given in a step, and in the last rounds fewer forks than there were.
        for (round, n) in
            [[5, 1, 9], [1, 1, 1], [1, 30, 2], [300, 1, 1], [1, 0, 1], [0, 0, 70]].iter().enumerate()
        {
            let all: usize = n.iter().sum();
            let (keys, values) = (random((2, all, 8)), random((2, all, 8)));
            let mut sees = Vec::new();
            let mut ranges = Vec::new();
            for (cache, n) in host.iter().zip(n) {
                let start = |p: usize| window.map_or(0, |window| (p + 1usize).saturating_sub(window));
                ranges.push(sees.len()..sees.len() + n);
                sees.extend((cache.end..cache.end + n).map(|p| start(p)..p + 1));
            }
            let q = random((6, all, 8));
            let mixed = [&mut host, &mut device].map(|caches| {
                let is_device = matches!(caches[0].place, Place::Pooled(_));
                let place = |x: &Tensor| if is_device { there(x) } else { here(x) };
                let some = || ranges.iter().enumerate().filter(|(_, range)| !range.is_empty());
                let mut appends: Vec<Append> = caches
                    .iter_mut()
                    .zip(&ranges)
                    .filter(|(_, rows)| !rows.is_empty())
                    .map(|(cache, rows)| Append { pos: cache.end, cache, rows: rows.clone() })
                    .collect();
                KvCache::append_each(&mut appends, &place(&keys), &place(&values)).unwrap();
                let each: Vec<_> = some().map(|(i, range)| (&caches[i], range.clone())).collect();
                KvCache::attend(&each, &place(&q), &sees, rule, &Masks::default()).unwrap()
            });
            let [a, b] = mixed;
            assert!(distance(&a, &b) < 1e-5, "round {round}, window {window:?}");
            // Some of them take back what they were given last.
            if round == 2 {
                let taken_back = |caches: &mut [KvCache]| {
                    let end = caches[2].end;
                    caches[2].truncate(end - 1);
                    caches[2].end
                };
                assert_eq!(taken_back(&mut host), taken_back(&mut device));
            }
        }
        let bytes = |cache: &KvCache| {
            let mut bytes = Vec::new();
            cache.save(cache.end, &mut bytes).unwrap();
            bytes
        };
        for (host, device) in host.iter().zip(&device) {
            assert_eq!(bytes(host), bytes(device), "window {window:?}");
        }
        assert_eq!(whole.end, 90, "what it was forked from goes on by itself");
    }
}
