//! `keepalive_slow`.
