//! Intrinsics only: one file per processor family.

#[cfg(target_arch = "x86_64")]
pub(super) mod x86_64;
