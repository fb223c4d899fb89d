//! Microphones, through the system's own interface.

use cpal::traits::{DeviceTrait as _, HostTrait as _, StreamTrait as _};
use cpal::{ErrorKind, FromSample, Sample as _, SampleFormat, SizedSample};

use super::{Held, Listening, Microphone, Shared, lock};

/// What to do where there is none.
const ADVICE: &str = "plug one in and allow Medley to use it in the system's settings; a recording can be transcribed \
                      without one";

/// What ALSA lists beside devices: converters that hear nothing.
#[cfg(target_os = "linux")]
const CONVERTERS: [&str; 9] =
    ["null", "lavrate", "samplerate", "speexrate", "jack", "oss", "speex", "upmix", "vdownmix"];

/// ALSA writes to the terminal why each device that it tries cannot be opened; what matters is in its errors, too.
fn quietly() {
    #[cfg(target_os = "linux")]
    if let Err(error) = alsa::Output::local_error_handler() {
        log::debug!("what ALSA says is shown: {error}");
    }
}

fn is_device(device: &cpal::Device) -> bool {
    #[cfg(target_os = "linux")]
    if let Ok(id) = device.id() {
        return !CONVERTERS.contains(&id.id());
    }
    let _ = device;
    true
}

/// The input devices; none where the system has none.
pub fn microphones() -> Vec<Microphone> {
    quietly();
    let host = cpal::default_host();
    let default = host.default_input_device().map(|device| name(&device));
    let devices = host.input_devices().into_iter().flatten().filter(is_device);
    let mut found: Vec<Microphone> = devices
        .map(|device| {
            let name = name(&device);
            Microphone { is_default: default.as_ref() == Some(&name), name }
        })
        .collect();
    let mut known = std::collections::BTreeSet::new();
    found.retain(|microphone| known.insert(microphone.name.clone()));
    found
}

fn name(device: &cpal::Device) -> String {
    device.description().map_or_else(|_| "unnamed".to_owned(), |about| about.name().to_owned())
}

/// Opens the one of this name, or the default one.
pub(super) fn open(wanted: Option<&str>) -> Result<Listening, String> {
    quietly();
    let host = cpal::default_host();
    let none = || format!("no microphone was found: {ADVICE}");
    let device = match wanted {
        None => host.default_input_device().ok_or_else(none)?,
        Some(wanted) => {
            find(host.input_devices().map_err(|error| refused(&error))?.filter(is_device).collect(), wanted)?
        }
    };
    let supported = device.default_input_config().map_err(|error| match wanted {
        None if error.kind() != ErrorKind::PermissionDenied => none(),
        _ => refused(&error),
    })?;
    let (format, config) = (supported.sample_format(), supported.config());
    let (rate_hz, n_channels) = (config.sample_rate, usize::from(config.channels));
    let shared = Shared::default();
    lock(&shared).most = usize::MAX;
    let stream = match format {
        SampleFormat::F32 => stream::<f32>(&device, config, shared.clone()),
        SampleFormat::F64 => stream::<f64>(&device, config, shared.clone()),
        SampleFormat::I8 => stream::<i8>(&device, config, shared.clone()),
        SampleFormat::I16 => stream::<i16>(&device, config, shared.clone()),
        SampleFormat::I32 => stream::<i32>(&device, config, shared.clone()),
        SampleFormat::U8 => stream::<u8>(&device, config, shared.clone()),
        SampleFormat::U16 => stream::<u16>(&device, config, shared.clone()),
        SampleFormat::U32 => stream::<u32>(&device, config, shared.clone()),
        other => {
            let name = name(&device);
            return Err(format!(
                "{name} gives samples of a kind that is not known ({other}); choose another"
            ));
        }
    }
    .map_err(|error| refused(&error))?;
    let listening = Listening::new(rate_hz, n_channels, shared, Held::Stream { _stream: stream })?;
    if let Held::Stream { _stream: stream } = &listening.held {
        stream.play().map_err(|error| refused(&error))?;
    }
    Ok(listening)
}

/// By its whole name, else the only one with this in its name.
fn find(devices: Vec<cpal::Device>, wanted: &str) -> Result<cpal::Device, String> {
    let names: Vec<String> = devices.iter().map(name).collect();
    let lower = wanted.to_lowercase();
    let exact = names.iter().position(|name| name.to_lowercase() == lower);
    let mut parts = names.iter().enumerate().filter(|(_, name)| name.to_lowercase().contains(&lower));
    let at = exact.or_else(|| parts.next().filter(|_| parts.next().is_none()).map(|(at, _)| at));
    let all = || match names.is_empty() {
        true => ADVICE.to_owned(),
        false => format!("there are: {}", names.join("; ")),
    };
    at.and_then(|at| devices.into_iter().nth(at))
        .ok_or_else(|| format!("no one microphone is called {wanted:?}; {}", all()))
}

fn refused(error: &cpal::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "the system does not let Medley use the microphone ({error}); allow it in the privacy settings (on Linux: be in \
             the group audio)"
        ),
        ErrorKind::DeviceBusy => {
            format!("the microphone is used by another program ({error}); close that and try again")
        }
        _ => format!("the microphone cannot be opened ({error}): {ADVICE}"),
    }
}

fn stream<T>(
    device: &cpal::Device,
    config: cpal::StreamConfig,
    shared: Shared,
) -> Result<cpal::Stream, cpal::Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let on_error = shared.clone();
    device.build_input_stream(
        config,
        move |samples: &[T], _: &cpal::InputCallbackInfo| {
            lock(&shared).add(samples.iter().map(|&x| f32::from_sample(x)));
        },
        move |error: cpal::Error| {
            let goes_on = matches!(
                error.kind(),
                ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged
            );
            if !goes_on {
                let reason = format!("the microphone has stopped ({error}); what was heard before is kept");
                lock(&on_error).ended.get_or_insert(Err(reason));
            }
        },
        None,
    )
}
