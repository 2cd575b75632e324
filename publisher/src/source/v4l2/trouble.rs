//! Why a camera cannot be used now, in words that say what to do.

use std::io;
use std::path::Path;

use v4l::FourCC;

use super::{mode, nodes, raspberry};
use crate::source::Resolution;

/// A camera that did not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Time, or plugging something in, may cure it.
    #[error("{0}")]
    Heals(String),
    /// It heals by itself only in the moments between the kernel making a device and udev giving it to its group.
    #[error("{0}")]
    Denied(String),
    /// Waiting does not help.
    #[error("{0}")]
    Hopeless(String),
}

impl Trouble {
    /// The device could not be opened.
    pub(super) fn opening(path: &Path, error: &io::Error) -> Self {
        let shown = path.display();
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => {
                Self::Heals(format!("does not exist; {}", nodes::in_words()))
            }
            Some(libc::EACCES | libc::EPERM) => Self::Denied(format!(
                "permission denied: add the user to group video (sudo usermod -aG video USER) and log in again, or look \
                 at `ls -lL {shown}`"
            )),
            Some(libc::EISDIR | libc::ENOTDIR) => Self::Hopeless("is no device".to_owned()),
            _ => Self::talking("opening", error),
        }
    }

    /// The device is open, and refused a step.
    pub(super) fn talking(step: &str, error: &io::Error) -> Self {
        Self::Heals(match error.raw_os_error() {
            Some(libc::EBUSY) => "is in use by another program (`fuser -v` names it)".to_owned(),
            Some(libc::ENODEV) => "was unplugged".to_owned(),
            Some(libc::EIO | libc::ETIMEDOUT | libc::EPROTO) => {
                format!("does not answer ({step}); if this lasts, unplug it and plug it in again")
            }
            Some(libc::ENOSPC) => {
                "the USB bus has no bandwidth left for it: use another port, a lower --resolution or --fps".to_owned()
            }
            _ => format!("{step} failed: {error}"),
        })
    }

    /// It enumerates no formats at all; `errno` is what it answers to another question.
    pub(super) fn no_formats(errno: Option<i32>) -> Self {
        match errno {
            Some(libc::ENOTTY | libc::EINVAL) | None => Self::Hopeless(format!(
                "is no capture device (beside the one for pictures, a camera may have one for metadata); {}",
                nodes::in_words()
            )),
            Some(errno) => {
                Self::talking("asking for formats", &io::Error::from_raw_os_error(errno))
            }
        }
    }

    /// It captures, but no JPEG.
    pub(super) fn no_mjpg(path: &Path, offered: &[String], size: Resolution) -> Self {
        let mut line = format!("offers no MJPG, only {}", mode::listed(offered));
        if nodes::driver_of(path).as_deref() != Some("uvcvideo") {
            line.push_str(&pi_hint(size));
        }
        Self::Hopeless(line)
    }

    /// It was told MJPG and set something else.
    pub(super) fn other_format(given: FourCC) -> Self {
        Self::Hopeless(format!(
            "was asked for MJPG and gives {}",
            format_name(given)
        ))
    }
}

/// A pixel format as V4L2 spells it, whatever bytes it is made of.
pub(super) fn format_name(fourcc: FourCC) -> String {
    String::from_utf8_lossy(&fourcc.repr).trim_end().to_owned()
}

fn pi_hint(size: Resolution) -> String {
    format!(
        "; a Raspberry Pi's own camera is reached through libcamera: {}",
        raspberry::source_line(size)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(errno: i32) -> Trouble {
        Trouble::opening(
            Path::new("/dev/video7"),
            &io::Error::from_raw_os_error(errno),
        )
    }

    #[test]
    fn a_missing_camera_is_waited_for_and_a_folder_is_not() {
        assert!(matches!(opening(libc::ENOENT), Trouble::Heals(_)));
        assert!(matches!(opening(libc::ENODEV), Trouble::Heals(_)));
        assert!(matches!(opening(libc::EISDIR), Trouble::Hopeless(_)));
    }

    #[test]
    fn no_permission_names_the_group() {
        let Trouble::Denied(line) = opening(libc::EACCES) else {
            panic!("not denied")
        };
        assert!(line.contains("group video"), "{line}");
    }

    #[test]
    fn a_busy_unplugged_or_silent_camera_is_named_so() {
        let told =
            |errno| Trouble::talking("starting", &io::Error::from_raw_os_error(errno)).to_string();
        assert!(told(libc::EBUSY).contains("another program"));
        assert!(told(libc::ENODEV).contains("unplugged"));
        assert!(told(libc::ENOSPC).contains("bandwidth"));
        assert!(told(libc::EIO).starts_with("does not answer (starting)"));
        assert!(told(libc::EINVAL).starts_with("starting failed: "));
    }

    #[test]
    fn a_node_without_formats_is_hopeless_unless_it_was_unplugged_meanwhile() {
        assert!(matches!(
            Trouble::no_formats(Some(libc::EINVAL)),
            Trouble::Hopeless(_)
        ));
        assert!(matches!(
            Trouble::no_formats(Some(libc::ENODEV)),
            Trouble::Heals(_)
        ));
    }

    #[test]
    fn a_camera_without_mjpg_says_what_it_offers_and_how_a_pi_camera_is_reached() {
        let size = Resolution {
            width: 1280,
            height: 720,
        };
        let offered = ["YUYV".to_owned(), "pBAA".to_owned()];
        let line = Trouble::no_mjpg(Path::new("/dev/video7"), &offered, size).to_string();
        assert_eq!(
            line,
            "offers no MJPG, only YUYV, pBAA; a Raspberry Pi's own camera is reached through libcamera: --source \
             \"exec:rpicam-vid -t 0 --codec mjpeg -q 80 --width 1280 --height 720 -o -\""
        );
    }

    #[test]
    fn format_names_survive_any_bytes() {
        assert_eq!(format_name(FourCC::new(b"Y16 ")), "Y16");
        assert_eq!(format_name(FourCC::new(b"Y16\xA0")), "Y16\u{FFFD}");
    }
}
