//! `ghost_family`.
