//! Instructions of classic BPF, as far as they are used (`linux/bpf_common.h`).

use libc::sock_filter;

pub(super) const LD_W_ABS: u16 = 0x20;
pub(super) const LD_H_ABS: u16 = 0x28;
pub(super) const LD_B_ABS: u16 = 0x30;
pub(super) const LD_H_IND: u16 = 0x48;
pub(super) const LD_B_IND: u16 = 0x50;
pub(super) const LDX_MEM: u16 = 0x61;
pub(super) const LDX_MSH: u16 = 0xb1;
pub(super) const ST: u16 = 0x02;
pub(super) const AND: u16 = 0x54;
pub(super) const RSH: u16 = 0x74;
pub(super) const MUL_X: u16 = 0x2c;
pub(super) const ADD_X: u16 = 0x0c;
pub(super) const XOR_X: u16 = 0xac;
pub(super) const JA: u16 = 0x05;
pub(super) const JEQ: u16 = 0x15;
pub(super) const JGE: u16 = 0x35;
pub(super) const JSET: u16 = 0x45;
pub(super) const JEQ_X: u16 = 0x1d;
pub(super) const RET: u16 = 0x06;
pub(super) const TAX: u16 = 0x07;

/// One instruction: jumps count the instructions they leave out.
pub(super) const fn op(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}
