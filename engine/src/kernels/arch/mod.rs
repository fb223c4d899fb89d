//! Intrinsics only: one file per processor family.

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
mod formats;

#[cfg(target_arch = "aarch64")]
pub(super) mod aarch64;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::floats;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::floats;
