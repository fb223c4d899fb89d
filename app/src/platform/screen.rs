//! A picture of a part of the screen, which the desktop lets the person choose.

use std::path::PathBuf;

/// Asks the desktop, which shows its own way to choose a part; the file that it made, none when it was given up.
///
/// # Errors
/// What the desktop said, when it cannot do that.
#[cfg(target_os = "linux")]
pub fn capture() -> Result<Option<PathBuf>, String> {
    futures_lite::future::block_on(portal::capture()).map_err(|error| error.to_string())
}

/// The desktop portal, which is the same on Wayland and X11 and inside sandboxes.
/// <https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.Screenshot.html>
#[cfg(target_os = "linux")]
mod portal {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use futures_lite::StreamExt as _;
    use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

    /// Answers of the portal: done, given up by the person, ended otherwise.
    const DONE: u32 = 0;
    const GIVEN_UP: u32 = 1;

    #[zbus::proxy(
        interface = "org.freedesktop.portal.Screenshot",
        default_service = "org.freedesktop.portal.Desktop",
        default_path = "/org/freedesktop/portal/desktop",
        gen_blocking = false
    )]
    trait Screenshot {
        fn screenshot(
            &self,
            parent_window: &str,
            options: HashMap<&str, Value<'_>>,
        ) -> zbus::Result<OwnedObjectPath>;
    }

    #[zbus::proxy(
        interface = "org.freedesktop.portal.Request",
        default_service = "org.freedesktop.portal.Desktop",
        gen_blocking = false
    )]
    trait Request {
        #[zbus(signal)]
        fn response(&self, response: u32, results: HashMap<String, OwnedValue>) -> zbus::Result<()>;
    }

    pub(super) async fn capture() -> zbus::Result<Option<PathBuf>> {
        let connection = zbus::Connection::session().await?;
        // The answer may come before the call returns, so its place must be known before.
        let token = format!("medley{}", std::process::id());
        let name = connection.unique_name().map(|name| name.as_str().to_owned()).unwrap_or_default();
        let sender = name.trim_start_matches(':').replace('.', "_");
        let place = format!("/org/freedesktop/portal/desktop/request/{sender}/{token}");
        let request = RequestProxy::builder(&connection).path(place)?.build().await?;
        let mut answers = request.receive_response().await?;
        let options = HashMap::from([
            ("handle_token", Value::from(token)),
            ("interactive", Value::from(true)),
            ("modal", Value::from(true)),
        ]);
        ScreenshotProxy::new(&connection).await?.screenshot("", options).await?;
        let failed = |why: &str| zbus::Error::Failure(why.to_owned());
        let answer = answers.next().await.ok_or_else(|| failed("the desktop gave no answer"))?;
        let answer = answer.args()?;
        match answer.response {
            DONE => {}
            GIVEN_UP => return Ok(None),
            _ => return Err(failed("the desktop ended it")),
        }
        let uri = answer.results.get("uri").and_then(|uri| <&str>::try_from(uri).ok()).unwrap_or_default();
        let made = crate::platform::clipboard::files_in(uri).pop();
        made.map(Some).ok_or_else(|| failed("its picture is not there"))
    }
}

/// As above, with the program that comes with the system.
#[cfg(target_os = "macos")]
pub fn capture() -> Result<Option<PathBuf>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?.keep();
    let path = folder.join("screen.png");
    let ran = std::process::Command::new("screencapture").arg("-i").arg(&path).status();
    ran.map_err(|error| format!("screencapture could not be started: {error}"))?;
    // It writes nothing when it was given up.
    Ok(path.exists().then_some(path))
}

/// The system has a tool of its own for this, which puts the picture into the clipboard.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn capture() -> Result<Option<PathBuf>, String> {
    Err("this system gives it to the clipboard only".to_owned())
}
