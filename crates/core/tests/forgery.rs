//! What the checks leave can't be made without them: each program in `forgery/` tries, and must not compile
//! (design rule 2). After a change of compiler, look at the new messages and run with `TRYBUILD=overwrite`.

#[test]
fn what_the_checks_leave_cannot_be_forged() {
    trybuild::TestCases::new().compile_fail("tests/forgery/*.rs");
}
