//! Every video device of a machine, and what it offers. What one of them refuses is told of that one, and ends nothing.

use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use v4l::capability::Flags;
use v4l::framesize::FrameSizeEnum;
use v4l::v4l_sys::ask::capabilities;
use v4l::video::Capture as _;
use v4l::{Device, FourCC, FrameSize};

use super::control::Control;
use super::controls::{controls_of, open};
use super::guard::guarded;
use super::negotiate::is_usable;
use super::trouble::{Trouble, format_name};
use super::{mode, nodes, raspberry};

/// A video device.
#[derive(Debug, Serialize)]
pub(crate) struct VideoDevice {
    pub(crate) path: PathBuf,
    /// The product's name.
    pub(crate) name: Option<String>,
    pub(crate) driver: Option<String>,
    /// Names that stay the same, whatever is plugged in first.
    pub(crate) stable_names: Vec<PathBuf>,
    pub(crate) kind: DeviceKind,
    /// Why it is no camera, or cannot be used.
    pub(crate) says: Option<String>,
    pub(crate) formats: Vec<OfferedFormat>,
    pub(crate) controls: Vec<Control>,
}

/// What a device is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeviceKind {
    /// It gives MJPG.
    Camera,
    /// It could not be asked, or gives no MJPG.
    Unusable,
    /// It gives no pictures: metadata, codecs, parts of a camera.
    Other,
}

#[derive(Debug, Serialize)]
pub(crate) struct OfferedFormat {
    /// As V4L2 spells it.
    pub(crate) format: String,
    /// Whether it is one that we take.
    pub(crate) usable: bool,
    pub(crate) sizes: Vec<OfferedSize>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OfferedSize {
    /// `1280x720`, or a range.
    pub(crate) size: String,
    /// Frames a second, each a number or a range.
    pub(crate) fps: Vec<String>,
}

/// Looks at every device below `root`. Blocks for as long as their drivers take.
pub(crate) fn survey(root: &Path) -> Vec<VideoDevice> {
    let nodes = nodes::all(root);
    nodes.into_iter().map(|path| look_at(root, path)).collect()
}

fn look_at(root: &Path, path: PathBuf) -> VideoDevice {
    let mut device = VideoDevice {
        name: nodes::name_below(root, &path),
        driver: nodes::driver_below(root, &path),
        stable_names: nodes::stable_names(root, &path),
        kind: DeviceKind::Other,
        says: None,
        formats: Vec::new(),
        controls: Vec::new(),
        path,
    };
    if raspberry::is_part(root, &device.path) {
        device.says = Some("a part of the Pi's own camera or codecs, used by libcamera".to_owned());
        return device;
    }
    match ask(&device.path) {
        Ok(answers) => {
            (device.kind, device.says) = judge(&answers);
            device.formats = answers.formats;
            if device.kind != DeviceKind::Other {
                device.controls = controls_of(&device.path).unwrap_or_default();
            }
        }
        Err(trouble) => {
            device.kind = DeviceKind::Unusable;
            device.says = Some(trouble.to_string());
        }
    }
    device
}

/// What a device says of itself.
#[derive(Debug, Default)]
struct Answers {
    formats: Vec<OfferedFormat>,
    gives_mjpg: bool,
    is_metadata: bool,
}

fn ask(path: &Path) -> Result<Answers, Trouble> {
    let device = guarded(|| Device::with_path(path)).map_err(|e| Trouble::opening(path, &e))?;
    let formats = guarded(|| device.enum_formats())
        .map_err(|e| Trouble::talking("asking for formats", &e))?;
    let is_metadata = formats.is_empty() && is_metadata(path).unwrap_or(false);
    Ok(Answers {
        gives_mjpg: formats.iter().any(|format| is_usable(format.fourcc)),
        formats: formats
            .iter()
            .map(|format| offered(&device, format.fourcc))
            .collect(),
        is_metadata,
    })
}

fn is_metadata(path: &Path) -> io::Result<bool> {
    let capabilities = capabilities(open(path)?.as_fd())?;
    Ok(Flags::from(capabilities).contains(Flags::META_CAPTURE))
}

fn judge(answers: &Answers) -> (DeviceKind, Option<String>) {
    if answers.gives_mjpg {
        return (DeviceKind::Camera, None);
    }
    if answers.formats.is_empty() {
        let what = if answers.is_metadata {
            "metadata of a camera, no pictures"
        } else {
            "no capture device"
        };
        return (DeviceKind::Other, Some(what.to_owned()));
    }
    let says = "gives no MJPG, so it cannot be used by itself: exec:COMMAND takes any program that makes MJPEG of it";
    (DeviceKind::Unusable, Some(says.to_owned()))
}

fn offered(device: &Device, fourcc: FourCC) -> OfferedFormat {
    // A driver need not enumerate them.
    let sizes = guarded(|| device.enum_framesizes(fourcc)).unwrap_or_default();
    OfferedFormat {
        format: format_name(fourcc),
        usable: is_usable(fourcc),
        sizes: sizes
            .iter()
            .map(|size| offered_size(device, fourcc, size))
            .collect(),
    }
}

fn offered_size(device: &Device, fourcc: FourCC, size: &FrameSize) -> OfferedSize {
    let rates = match &size.size {
        FrameSizeEnum::Discrete(exact) => {
            guarded(|| device.enum_frameintervals(fourcc, exact.width, exact.height))
        }
        // The rates of the largest one hold for all as a rule.
        FrameSizeEnum::Stepwise(range) => {
            guarded(|| device.enum_frameintervals(fourcc, range.max_width, range.max_height))
        }
    };
    OfferedSize {
        size: mode::size_in_words(size),
        fps: rates
            .unwrap_or_default()
            .iter()
            .map(mode::rate_in_words)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_cannot_be_asked_does_not_end_the_list() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, bytes: &[u8]| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        fs::create_dir_all(root.path().join("dev/video0")).unwrap();
        write("dev/video1", b"");
        write("sys/class/video4linux/video1/name", b"Cam\xC3\xA9ra\xC3\n");
        write("dev/video2", b"");
        write("sys/class/video4linux/video2/name", b"unicam-image\n");
        let devices = survey(root.path());
        let kinds: Vec<_> = devices.iter().map(|device| device.kind).collect();
        assert_eq!(
            kinds,
            [DeviceKind::Unusable, DeviceKind::Other, DeviceKind::Other]
        );
        assert_eq!(devices[0].says.as_deref(), Some("is no device"));
        assert_eq!(devices[1].name.as_deref(), Some("Caméra\u{FFFD}"));
        assert_eq!(devices[1].says.as_deref(), Some("no capture device"));
        assert!(devices[2].says.as_deref().unwrap().contains("libcamera"));
    }

    #[test]
    fn a_device_is_judged_by_whether_it_gives_mjpg() {
        let formats = || {
            vec![OfferedFormat {
                format: "YUYV".to_owned(),
                usable: false,
                sizes: Vec::new(),
            }]
        };
        let judged = |formats, gives_mjpg, is_metadata| {
            judge(&Answers {
                formats,
                gives_mjpg,
                is_metadata,
            })
        };
        assert_eq!(judged(formats(), true, false), (DeviceKind::Camera, None));
        let (kind, says) = judged(formats(), false, false);
        assert_eq!(kind, DeviceKind::Unusable);
        assert!(says.unwrap().contains("no MJPG"));
        let (kind, says) = judged(Vec::new(), false, true);
        assert_eq!(kind, DeviceKind::Other);
        assert!(says.unwrap().contains("metadata"));
    }
}
