//! The drawn test source.
