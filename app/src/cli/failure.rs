//! How a subcommand ends when it does not end well.

use std::fmt;
use std::io;
use std::path::Path;

use engine::Error;

/// What every subcommand returns.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Why a subcommand ended early.
#[derive(Debug)]
pub enum Failure {
    /// Bad usage or bad input: status 2.
    Usage(String),
    /// Something went wrong: status 1.
    Failed(String),
    /// It was told already; only the status is left to say.
    Told(u8),
    /// Nobody reads the results any more: no failure.
    Closed,
}

impl Failure {
    /// The exit status of the contract.
    pub fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
            Self::Told(status) => *status,
            Self::Closed => 0,
        }
    }

    /// Says it on stderr, as one sentence.
    pub fn report(&self) {
        if let Self::Usage(text) | Self::Failed(text) = self {
            super::progress::say(&format!("medley: {text}"));
        }
    }

    /// A file could not be written.
    pub fn writing(path: &Path, error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space and try again",
            io::ErrorKind::FileTooLarge => "; choose a folder on another disk",
            io::ErrorKind::PermissionDenied => "; choose a folder that you may write to",
            io::ErrorKind::NotFound => "; its folder does not exist",
            _ => "",
        };
        Self::Failed(format!("{}: writing failed: {error}{advice}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failed(text) => f.write_str(text),
            Self::Told(status) => write!(f, "status {status}"),
            Self::Closed => f.write_str("the output was closed"),
        }
    }
}

/// The person can mend some errors by asking differently; those are bad input.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Media { .. }
            | Error::ModelUnknown { .. }
            | Error::ModelFolder { .. }
            | Error::Request { .. } => Self::Usage(text),
            Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Self::Usage(text),
            _ => Self::Failed(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_and_failures_have_their_own_status() {
        assert_eq!(Failure::from(Error::ModelUnknown { id: "x".into() }).status(), 2);
        assert_eq!(Failure::from(Error::ModelMissing { id: "x".into() }).status(), 1);
    }

    #[test]
    fn a_full_disk_is_named_with_what_to_do() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let text = Failure::writing(Path::new("out.srt"), &full).to_string();
        assert!(text.starts_with("out.srt: ") && text.contains("free some space"), "{text}");
    }
}
