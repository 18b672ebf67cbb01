//! `retransmitting`.
