//! Custom processor arithmetic on slices; knows no model and no candle tensor.
//!
//! One operation per file: a slow reference that defines what is right, a portable version, and
//! variants per instruction set, chosen once by [`Isa::detect`].

use std::sync::LazyLock;

/// Compiles a body a second time with wide vectors and picks at run time.
macro_rules! for_each_isa {
    ($(#[$doc:meta])* $name:ident, $body:ident, ($($arg:ident: $kind:ty),*) $(-> $out:ty)?) => {
        $(#[$doc])*
        pub fn $name($($arg: $kind),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn wide($($arg: $kind),*) $(-> $out)? {
                    $body($($arg),*)
                }
                if super::rows::x86::available() {
                    // SAFETY: the processor has the instructions.
                    #[allow(unsafe_code)]
                    return unsafe { wide($($arg),*) };
                }
            }
            $body($($arg),*)
        }
    };
}

pub mod depthwise;

pub mod activations;

pub mod packed;

pub mod team;

pub mod attention;

pub mod unpacked;

pub mod cache;

mod product;

mod rows;

mod exponential;

pub mod rowwise;

mod arch;

pub use exponential::{gated_gelu_tanh, gated_silu, gelu, gelu_tanh, largest, softmax, sum_exp};
pub use rows::{dot, rows_times};

/// Instruction sets that kernels come in. A value other than `Portable` exists only when this
/// processor has the instructions, so calling a kernel with it is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Isa {
    /// The best one that this processor has.
    pub fn detect() -> Self {
        // Asked for with every product.
        static BEST: LazyLock<Isa> =
            LazyLock::new(|| Isa::all().last().copied().unwrap_or(Isa(Kind::Portable)));
        *BEST
    }

    /// All that this processor has, slowest first.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self(Kind::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            if avx2 {
                all.push(Self(Kind::Avx2));
            }
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            if avx2 && avx512 && is_x86_feature_detected!("avx512vnni") {
                all.push(Self(Kind::Avx512Vnni));
            }
        }
        all
    }
}
