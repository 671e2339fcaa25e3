//! The matching loop allocates nothing: a parsed policy is judged without asking for memory.

mod common;

use common::generate::policy;
use common::{deny_under, parse, request};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use scangap_policy::{Context, verdicts};

fn allocations(text: &str) -> u64 {
    let (document, asked) = (parse(text), request());
    let context = Context::new(&asked);
    let measured = allocation_counter::measure(|| {
        std::hint::black_box(verdicts(&[&document], &context));
    });
    measured.count_total
}

#[test]
fn judging_allocates_nothing() {
    // Tables of address ranges are read once, at the first question about them.
    let network = deny_under(r#""NotIpAddress":{"aws:SourceIp":["203.0.113.0/24","52.0.0.0/8"]}"#);
    let _ = allocations(&network);
    assert_eq!(allocations(&network), 0);
    let mut runner = TestRunner::deterministic();
    for _ in 0..500 {
        let policy = policy().new_tree(&mut runner).expect("a policy").current().to_string();
        assert_eq!(allocations(&policy), 0, "{policy}");
    }
}

#[test]
fn the_counter_counts() {
    assert!(allocation_counter::measure(|| drop(std::hint::black_box(vec![0_u8; 16]))).count_total > 0);
}
