//! One test per rule of the formats.
