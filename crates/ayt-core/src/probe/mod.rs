//! Asking whether the peer is still there, as a state machine without I/O.
