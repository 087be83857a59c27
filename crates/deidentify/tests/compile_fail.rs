//! What skipped admission, the register's answer or de-identification does not compile further.

#[test]
fn no_way_round_a_gate_compiles() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
