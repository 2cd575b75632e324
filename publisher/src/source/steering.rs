//! What can be asked of a source while it runs.

use super::{FrameSource, SourceOptions, SourceSpec};

impl SourceSpec {
    /// Whether size and rate of its pictures can be asked for.
    #[must_use]
    pub fn has_mode(&self) -> bool {
        matches!(self, Self::V4l2(_) | Self::Test)
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
