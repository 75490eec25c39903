//! Tests of `configuration`.
