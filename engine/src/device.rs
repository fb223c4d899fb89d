//! Where decoders compute: on the processor, or on a GPU that this build can use.
//!
//! All else stays on the processor: the specialists, a checkpoint's own encoders, and tables of which few rows are
//! used.

use std::env;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use candle_core::{Device, DeviceLocation};

use crate::error::{Error, Result};

/// Names the device where no option does.
const VARIABLE: &str = "MEDLEY_DEVICE";

static DEVICE: OnceLock<Device> = OnceLock::new();

/// The name of a device that broke, so that nothing is computed there any more.
static LOST: OnceLock<String> = OnceLock::new();

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU where this build can use one and one answers, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// The CUDA device of this number.
    Cuda(usize),
    /// The GPU of a Mac.
    Metal,
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(n) => write!(f, "cuda:{n}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let number = |name: &str| name.strip_prefix("cuda:")?.parse().ok();
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            name => number(name)
                .map(Self::Cuda)
                .ok_or_else(|| "there are auto, cpu, cuda, cuda:N (the GPU of that number) and metal".into()),
        }
    }
}

/// Says where decoders compute: `choice`, else what the variable `MEDLEY_DEVICE` names, else `auto`. Only the first call
/// counts, so make it before a model is loaded; returns the name of the device that holds: "cpu", "cuda:0", "metal".
///
/// # Errors
/// [`Error::Request`] when this build cannot use the device or none answers.
pub fn set_device(choice: Option<DeviceChoice>) -> Result<String> {
    chosen(choice).map(name)
}

/// From now on decoders compute on the processor, because this device does not answer.
pub(crate) fn lose(device: &str) {
    LOST.get_or_init(|| device.to_owned());
}

/// What an error of arithmetic on this device means; on the processor it is what it is.
pub(crate) fn lost_at(device: Option<String>, error: Error) -> Error {
    match (device, error) {
        (Some(device), Error::Compute { source, .. }) => {
            // candle may add where it happened.
            let text = source.to_string();
            Error::DeviceLost { device, reason: text.lines().next().unwrap_or_default().to_owned() }
        }
        (_, error) => error,
    }
}

/// The device that broke.
pub(crate) fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// Where decoders compute.
///
/// # Errors
/// As [`set_device`].
pub(crate) fn for_decoders() -> Result<&'static Device> {
    if lost().is_some() {
        return Ok(&Device::Cpu);
    }
    chosen(None)
}

/// Bytes that are in use on a device, by whomever; `None` where that is not known.
pub(crate) fn used_bytes(device: &Device) -> Option<u64> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda) => {
            let (free, total) = cuda.cuda_stream().context().mem_get_info().ok()?;
            Some((total - free) as u64)
        }
        _ => None,
    }
}

/// The name by which a device is chosen.
pub(crate) fn name(device: &Device) -> String {
    match device.location() {
        DeviceLocation::Cpu => DeviceChoice::Cpu.to_string(),
        DeviceLocation::Cuda { gpu_id } => DeviceChoice::Cuda(gpu_id).to_string(),
        DeviceLocation::Metal { .. } => DeviceChoice::Metal.to_string(),
    }
}

fn chosen(choice: Option<DeviceChoice>) -> Result<&'static Device> {
    if let Some(device) = DEVICE.get() {
        return Ok(device);
    }
    let device = match choice {
        Some(choice) => open(choice)?,
        None => open(from_environment(env::var(VARIABLE).ok().as_deref())?)?,
    };
    Ok(DEVICE.get_or_init(|| device))
}

fn from_environment(value: Option<&str>) -> Result<DeviceChoice> {
    match value.map(str::trim).filter(|value| !value.is_empty()) {
        None => Ok(DeviceChoice::Auto),
        Some(value) => value.parse().map_err(|known| Error::Request {
            reason: format!("{VARIABLE}={value}: {known}; name one of these, or unset the variable"),
        }),
    }
}

fn open(choice: DeviceChoice) -> Result<Device> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda(n) => cuda(n),
        DeviceChoice::Metal => metal(),
        DeviceChoice::Auto => {
            let gpu = match (cfg!(feature = "cuda"), cfg!(feature = "metal")) {
                (true, _) => cuda(0),
                (_, true) => metal(),
                _ => return Ok(Device::Cpu),
            };
            Ok(gpu.unwrap_or_else(|error| {
                log::info!("computing on the processor: {error}");
                Device::Cpu
            }))
        }
    }
}

fn cuda(n: usize) -> Result<Device> {
    let choice = DeviceChoice::Cuda(n);
    if !cfg!(feature = "cuda") {
        return Err(not_built(choice, "cuda"));
    }
    // candle rounds what quantised weights are multiplied with to 8 bits unless it is told not to: that changes the
    // likeliest token of a small model at one position in forty.
    #[cfg(feature = "cuda")]
    candle_core::quantized::cuda::set_force_dmmv(true);
    Device::new_cuda(n).map_err(|error| no_answer(choice, &error))
}

fn metal() -> Result<Device> {
    if !cfg!(feature = "metal") {
        return Err(not_built(DeviceChoice::Metal, "metal"));
    }
    Device::new_metal(0).map_err(|error| no_answer(DeviceChoice::Metal, &error))
}

fn not_built(choice: DeviceChoice, feature: &str) -> Error {
    let reason = format!(
        "the device {choice} cannot be used: this medley was built without it (`cargo build --release --features \
         {feature}` builds it in); choose cpu or auto"
    );
    Error::Request { reason }
}

fn no_answer(choice: DeviceChoice, error: &candle_core::Error) -> Error {
    // candle may add where it happened.
    let error = error.to_string();
    let first = error.lines().next().unwrap_or_default();
    Error::Request { reason: format!("the device {choice} does not answer ({first}); choose cpu or auto") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_name_devices_and_others_are_refused_with_all_of_them() {
        for choice in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Cuda(3), DeviceChoice::Metal] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for wrong in ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            let refused = wrong.parse::<DeviceChoice>().unwrap_err();
            assert!(refused.contains("cuda:N") && refused.contains("auto"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn the_variable_is_read_where_nothing_is_chosen() {
        assert_eq!(from_environment(None).unwrap(), DeviceChoice::Auto);
        assert_eq!(from_environment(Some(" ")).unwrap(), DeviceChoice::Auto);
        assert_eq!(from_environment(Some("cuda:1")).unwrap(), DeviceChoice::Cuda(1));
        let refused = from_environment(Some("gpu")).unwrap_err().to_string();
        assert!(refused.contains("MEDLEY_DEVICE=gpu") && refused.contains("cpu"), "{refused}");
    }

    #[test]
    fn arithmetic_that_fails_on_a_gpu_is_the_gpu_s_and_on_the_processor_its_own() {
        let failed = || Error::Compute {
            doing: "running the decoder",
            source: candle_core::Error::Msg("CUDA_ERROR_ILLEGAL_ADDRESS\n  at somewhere".into()),
        };
        let text = lost_at(Some("cuda:0".into()), failed()).to_string();
        for part in ["cuda:0", "CUDA_ERROR_ILLEGAL_ADDRESS", "ask again", "processor"] {
            assert!(text.contains(part) && text.lines().count() == 1, "{text}");
        }
        assert!(matches!(lost_at(None, failed()), Error::Compute { .. }));
        let refused = Error::Request { reason: "x".into() };
        assert!(matches!(lost_at(Some("cuda:0".into()), refused), Error::Request { .. }));
    }

    #[test]
    fn a_device_that_is_not_there_is_refused_in_one_sentence() {
        // No machine has so many.
        for choice in [DeviceChoice::Cuda(4000), DeviceChoice::Metal] {
            if cfg!(feature = "metal") && choice == DeviceChoice::Metal {
                continue;
            }
            let refused = open(choice).unwrap_err();
            assert!(matches!(refused, Error::Request { .. }));
            let text = refused.to_string();
            assert!(text.contains(&format!("the device {choice}")) && text.contains("choose cpu"), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
        assert!(matches!(open(DeviceChoice::Cpu).unwrap(), Device::Cpu));
    }
}
