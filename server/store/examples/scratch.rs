//! x
#![allow(warnings, clippy::all, clippy::pedantic, clippy::restriction)]
use std::time::Instant;
fn rss() -> String { let s = std::fs::read_to_string("/proc/self/status").unwrap(); s.lines().filter(|l| l.starts_with("VmRSS")).collect() }
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let cache: u64 = a[3].parse::<u64>().unwrap() << 20;
    let t = Instant::now();
    let db = sled::Config::new().path(&a[2]).cache_capacity(cache).flush_every_ms(None).open().unwrap();
    println!("open {:?} {}", t.elapsed(), rss());
    if a[1] == "read" {
        let t = Instant::now();
        let mut n = 0; let mut b = 0;
        for p in db.iter() { let (k, v) = p.unwrap(); n += 1; b += v.len(); if n % 250000 == 0 { println!("{n} {}", rss()); } }
        println!("read {n} {b} bytes {:?} {}", t.elapsed(), rss());
    } else {
        let per: u64 = a[4].parse().unwrap();
        let t = Instant::now();
        let mut n = 0u64;
        while n < 1_000_000 {
            let mut batch = sled::Batch::default();
            for _ in 0..per { n += 1; let k = ((n.wrapping_mul(0x9e37_79b9_7f4a_7c15) as u128) << 64 | n as u128).to_be_bytes(); if a.len() > 5 { db.insert(&k[..], vec![7u8; 340]).unwrap(); } else { batch.insert(&k[..], vec![7u8; 340]); } }
            if a.len() > 5 { for _ in 0..0 {} } db.apply_batch(batch).unwrap();
            db.flush().unwrap();
            if n % (per * (250000 / per)) == 0 { println!("{n} {} {:?}", rss(), t.elapsed()); }
        }
    }
    println!("end {}", rss());
}
