//! One test per rule of the subjects.
