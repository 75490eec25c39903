//! Tests of `hop_by_hop`.
