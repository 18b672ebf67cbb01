//! `fin_wait_2_stuck`.
