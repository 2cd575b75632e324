//! What can be asked of a source while it runs.

use protocol::control::Controls;

use super::{FrameSource, SourceOptions, SourceSpec};

impl SourceSpec {
    /// Whether size and rate of its pictures can be asked for.
    #[must_use]
    pub fn has_mode(&self) -> bool {
        matches!(self, Self::V4l2(_) | Self::Test)
    }

    /// Sets a camera's own controls. Fails in one line that says what to do; then none is set, unless the camera refuses one
    /// that its driver has announced.
    ///
    /// Takes as long as the driver does. The camera may stream meanwhile, or be left alone.
    pub fn set_controls(&self, controls: &Controls) -> Result<(), String> {
        match self {
            #[cfg(target_os = "linux")]
            Self::V4l2(path) => super::v4l2::set_controls(path, controls),
            other => Err(format!(
                "this source has no controls: {other} is no V4L2 camera (not setting {controls})"
            )),
        }
    }
}

impl FrameSource {
    /// Lets go of what it holds, a camera or a program, until [`next`](Self::next) is called again. A `next` that was going
    /// on must be abandoned first. Sources that can be read later are left as they are.
    pub fn release(&mut self) {
        match self {
            #[cfg(target_os = "linux")]
            Self::V4l2(source) => source.release(),
            Self::Exec(source) => source.release(),
            Self::Http(source) => source.release(),
            Self::Stdin(_) | Self::File(_) | Self::Folder(_) | Self::Test(_) => {}
        }
    }

    /// Gives pictures of the size and rate of `options` from now on, if it has a [mode](SourceSpec::has_mode). A `next` that
    /// was going on must be abandoned first.
    pub fn change_mode(&mut self, options: &SourceOptions) {
        match self {
            #[cfg(target_os = "linux")]
            Self::V4l2(source) => source.change_mode(options),
            Self::Test(source) => source.change_mode(options),
            Self::Exec(_) | Self::Stdin(_) | Self::File(_) | Self::Folder(_) | Self::Http(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_v4l2_camera_has_controls() {
        let controls = Controls::new(vec![("gain".into(), 3)]).unwrap();
        for text in ["test", "-", "exec:cat", "http://cam", "a.mjpeg"] {
            let spec: SourceSpec = text.parse().unwrap();
            let why = spec.set_controls(&controls).unwrap_err();
            assert!(
                why.contains("no controls") && why.contains("gain=3"),
                "{why}"
            );
        }
    }
}
