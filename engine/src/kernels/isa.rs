//! Which instructions kernels run with: the best that the processor has, or those that `MEDLEY_ISA` names.

use std::env;
use std::sync::LazyLock;

use crate::error::{Error, Result};

/// Names an instruction set instead of the best one, to test what other processors would run.
const VARIABLE: &str = "MEDLEY_ISA";

/// Instruction sets that kernels come in. A value other than `Portable` exists only when this
/// processor has the instructions, so calling a kernel with it is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(pub(super) Kind);

/// In the order of what they can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Whatever the compiler makes of plain code.
    Portable,
    /// 256 bits, fused multiply-add, half precision: Intel since 2013, AMD since 2015.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Besides, products of bytes added in fours, in whichever of its two encodings: Alder Lake, Zen 5, and what
    /// has the next.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// The same in 512 bits: Ice Lake, Zen 4.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// Products of bytes added in fours: Cortex-A76, Neoverse N1, Apple M1.
    #[cfg(target_arch = "aarch64")]
    NeonDotprod,
    /// Besides, products of small matrices of bytes: Cortex-A710, Neoverse V1, Apple M2.
    #[cfg(target_arch = "aarch64")]
    NeonI8mm,
}

impl Isa {
    /// The best one that this processor has, or the one that `MEDLEY_ISA` names.
    pub fn detect() -> Self {
        // Asked for with every product.
        static CHOSEN: LazyLock<Isa> =
            LazyLock::new(|| match Isa::named(env::var(VARIABLE).ok().as_deref()) {
                Ok(isa) => isa,
                // Told by `instruction_set` before anything is computed.
                Err(_) => Isa(Kind::Portable),
            });
        #[cfg(test)]
        if let Some(wanted) = WANTED.get() {
            return wanted;
        }
        *CHOSEN
    }

    /// All that this processor has, slowest first.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self(Kind::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            let avx512 = avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni");
            if avx2 {
                all.push(Self(Kind::Avx2));
            }
            if avx512 || avx2 && is_x86_feature_detected!("avxvnni") {
                all.push(Self(Kind::AvxVnni));
            }
            if avx512 {
                all.push(Self(Kind::Avx512Vnni));
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            use std::arch::is_aarch64_feature_detected;
            let dotprod = is_aarch64_feature_detected!("neon") && is_aarch64_feature_detected!("dotprod");
            if dotprod {
                all.push(Self(Kind::NeonDotprod));
            }
            if dotprod && is_aarch64_feature_detected!("i8mm") {
                all.push(Self(Kind::NeonI8mm));
            }
        }
        all
    }

    /// The name that the variable uses.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Kind::NeonDotprod => "neon-dotprod",
            #[cfg(target_arch = "aarch64")]
            Kind::NeonI8mm => "neon-i8mm",
        }
    }

    fn named(name: Option<&str>) -> Result<Self> {
        let all = Self::all();
        let found = match name.filter(|name| !name.is_empty()) {
            None => all.last(),
            Some(name) => all.iter().find(|isa| isa.name() == name),
        };
        found.copied().ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|isa| isa.name()).collect();
            let name = name.unwrap_or_default();
            let names = names.join(", ");
            let reason = format!(
                "{VARIABLE}={name}: this processor runs {names}; name one of these, or unset the variable for the best"
            );
            Error::Request { reason }
        })
    }
}

/// The name of the instruction set that kernels run with.
///
/// # Errors
/// [`Error::Request`] when `MEDLEY_ISA` names one that this processor does not have.
pub fn instruction_set() -> Result<&'static str> {
    Isa::named(env::var(VARIABLE).ok().as_deref()).map(Isa::name)
}

/// Makes a function that runs a body compiled for what the processor has. A body with a parameter `FUSED` is told
/// whether a fused multiply-add is one instruction.
macro_rules! for_each_isa {
    (
        $(#[$doc:meta])* $vis:vis $name:ident, $body:ident $(::<$fused:ident>)?,
        ($($arg:ident: $kind:ty),*) $(-> $out:ty)?
    ) => {
        $(#[$doc])*
        $vis fn $name($($arg: $kind),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma,f16c")]
                fn wide($($arg: $kind),*) $(-> $out)? {
                    $body$(::<{ const $fused: bool = true; $fused }>)?($($arg),*)
                }
                #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl")]
                fn widest($($arg: $kind),*) $(-> $out)? {
                    $body$(::<{ const $fused: bool = true; $fused }>)?($($arg),*)
                }
                #[allow(unsafe_code)]
                match $crate::kernels::isa::Isa::detect().0 {
                    $crate::kernels::isa::Kind::Portable => {}
                    $crate::kernels::isa::Kind::Avx512Vnni => {
                        // SAFETY: the processor has the instructions.
                        return unsafe { widest($($arg),*) };
                    }
                    _ => {
                        // SAFETY: the processor has the instructions.
                        return unsafe { wide($($arg),*) };
                    }
                }
            }
            // Every 64-bit ARM processor has NEON, which plain code is compiled for.
            $body$(::<{ const $fused: bool = cfg!(target_arch = "aarch64"); $fused }>)?($($arg),*)
        }
    };
}

#[cfg(test)]
thread_local! {
    /// What a test wants in the place of the best one.
    static WANTED: std::cell::Cell<Option<Isa>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
impl Isa {
    /// Calls `test` with the one that is detected, and then with each that this processor has, on a thread that detects
    /// that one and runs loops alone.
    pub(crate) fn for_each(test: impl Fn(Self) + Sync) {
        test(Self::detect());
        std::thread::scope(|scope| {
            for isa in Self::all() {
                let test = &test;
                scope.spawn(move || {
                    WANTED.set(Some(isa));
                    test(isa);
                });
            }
        });
    }

    /// Whether a test wants this thread to detect another one, of which no other thread knows.
    pub(super) fn is_wanted() -> bool {
        WANTED.get().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_gets_each_of_them_in_its_loops_too() {
        let detected = Isa::detect();
        let seen = std::sync::Mutex::new(Vec::new());
        Isa::for_each(|isa| {
            let in_loop = super::super::team::map(9, |_| Isa::detect());
            assert!(in_loop.iter().all(|of_task| *of_task == isa), "{isa:?}: {in_loop:?}");
            seen.lock().unwrap().push(isa.name());
        });
        let mut seen = seen.into_inner().unwrap();
        let mut want: Vec<_> = Isa::all().iter().chain([&detected]).map(|isa| isa.name()).collect();
        seen.sort_unstable();
        want.sort_unstable();
        assert_eq!((seen, Isa::detect()), (want, detected));
    }

    #[test]
    fn every_name_names_its_own_and_others_are_refused_with_all_of_them() {
        for isa in Isa::all() {
            assert_eq!(Isa::named(Some(isa.name())).unwrap(), isa);
        }
        let best = Isa::all().last().copied();
        assert_eq!((Isa::named(None).ok(), Isa::named(Some("")).ok()), (best, best));
        let refused = Isa::named(Some("mmx")).unwrap_err().to_string();
        assert!(refused.contains("MEDLEY_ISA=mmx") && refused.contains("portable"), "{refused}");
    }
}
