//! Tests of `forwarded`.
