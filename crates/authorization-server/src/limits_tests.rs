//! Who may ask how often, with a clock moved by hand.

use bindery_core::time::UnixTime;
use bindery_http::ManualClock;

use super::*;

fn limits(configuration: serde_json::Value) -> (Limits, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(UnixTime::from_seconds(1_800_000_000)));
    let shared: Arc<dyn Clock> = clock.clone();
    let configuration: LimitsConfiguration = serde_json::from_value(configuration).unwrap();
    (Limits::new(&configuration, &shared).unwrap(), clock)
}

#[test]
fn a_key_has_its_burst_and_then_its_rate() {
    let (limits, clock) = limits(serde_json::json!({"account": {"per_second": 0.5, "burst": 3}}));
    for _ in 0..3 {
        limits.require(Limit::Account, "alice").unwrap();
    }
    let refused = limits.require(Limit::Account, "alice").unwrap_err();
    assert_eq!(refused, TooMany { limit: Limit::Account, retry_after: 2 });
    limits.require(Limit::Account, "bob").unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(limits.require(Limit::Account, "alice").unwrap_err().retry_after, 1);
    clock.advance(Duration::from_secs(1));
    limits.require(Limit::Account, "alice").unwrap();
    assert!(limits.require(Limit::Account, "alice").is_err());
}

#[test]
fn an_ipv6_network_of_64_bits_is_one_address() {
    let (limits, _) = limits(serde_json::json!({"address": {"per_second": 1, "burst": 1}}));
    let ask = |address: &str| limits.require_address(Limit::Address, address.parse().unwrap());
    ask("2001:db8:0:1::1").unwrap();
    assert!(ask("2001:db8:0:1:ffff::2").is_err());
    ask("2001:db8:0:2::1").unwrap();
    ask("192.0.2.1").unwrap();
    ask("192.0.2.2").unwrap();
    assert!(ask("::ffff:192.0.2.1").is_err());
}

#[test]
fn strangers_with_many_addresses_fill_no_memory_and_lock_out_no_other_network() {
    let (limits, clock) = limits(serde_json::json!({"address": {"per_second": 1, "burst": 1}}));
    for number in 0..(2 * MOST_KEYS as u128 + 5000) {
        let address = std::net::Ipv6Addr::from((0x2001_0db8_u128 << 96) | (number << 64));
        let _ = limits.require_address(Limit::Address, address.into());
    }
    let limiter = limits.limiter(Limit::Address).unwrap();
    assert!(limiter.crowded.load(Ordering::Relaxed));
    assert!(limiter.inner.len() <= MOST_KEYS + COUNTED_EVERY as usize + 2, "{}", limiter.inner.len());
    limits.require_address(Limit::Address, "2001:db9::1".parse().unwrap()).unwrap();
    // Once they are quiet, everybody is seen by himself again.
    clock.advance(Duration::from_secs(60));
    limits.maintain();
    assert!(!limiter.crowded.load(Ordering::Relaxed));
    assert_eq!(limiter.inner.len(), 0);
}

#[test]
fn limits_can_be_switched_off_one_by_one_and_together() {
    for configuration in [
        serde_json::json!({"client": {"per_second": 0, "burst": 1}}),
        serde_json::json!({"enabled": false, "client": {"per_second": 1, "burst": 1}}),
    ] {
        let (limits, _) = limits(configuration);
        for _ in 0..100 {
            limits.require(Limit::Client, "c").unwrap();
        }
    }
}

#[test]
fn a_rate_that_is_none_is_named() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    for (rate, part) in [
        (serde_json::json!({"per_second": -1, "burst": 1}), "limits.key"),
        (serde_json::json!({"per_second": 1e9, "burst": 1}), "limits.key"),
        (serde_json::json!({"per_second": 1, "burst": 0}), "burst"),
    ] {
        let configuration: LimitsConfiguration =
            serde_json::from_value(serde_json::json!({"key": rate})).unwrap();
        let error = Limits::new(&configuration, &clock).err().unwrap().to_string();
        assert!(error.contains(part), "{error}");
    }
}
