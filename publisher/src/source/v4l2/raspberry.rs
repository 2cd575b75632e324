//! The Raspberry Pi's own camera, which only libcamera makes pictures of.
//!
//! Its receiver and its image processor show as V4L2 devices, of raw data: none of them is a camera by itself.

use std::fs;
use std::path::Path;

use super::nodes;
use crate::source::Resolution;

/// What the kernel calls the receivers; they are there only with a camera that was found at boot.
const RECEIVERS: [&str; 2] = ["unicam", "rp1-cfe"];

/// The image processors and codecs, which are there on every Pi.
const PROCESSORS: [&str; 4] = ["bcm2835-isp", "bcm2835-codec", "pispbe", "rpi-hevc"];

/// What the machine whose file system begins at `root` says of a camera on its ribbon cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnCamera {
    /// It is a Raspberry Pi, and one was found.
    Found,
    /// It is a Raspberry Pi, and none was found.
    NotFound,
    /// It is something else.
    NoPi,
}

impl OwnCamera {
    /// Looks at what the kernel names, and opens nothing.
    pub(crate) fn look(root: &Path) -> Self {
        let model = fs::read(root.join("proc/device-tree/model")).unwrap_or_default();
        if !String::from_utf8_lossy(&model).contains("Raspberry Pi") {
            return Self::NoPi;
        }
        let is_receiver = |path: &std::path::PathBuf| is_named(root, path, &RECEIVERS);
        if nodes::all(root).iter().any(is_receiver) {
            Self::Found
        } else {
            Self::NotFound
        }
    }

    /// The sentence that says how it is reached; none where there is none.
    pub(crate) fn hint(self, size: Resolution) -> Option<String> {
        let line = source_line(size);
        match self {
            Self::Found => Some(format!(
                "this Raspberry Pi's own camera is reached through libcamera: {line}"
            )),
            Self::NotFound => Some(format!(
                "a Raspberry Pi's own camera is reached through libcamera, and this Pi has found none (`rpicam-hello \
                 --list-cameras`): once it has, {line}"
            )),
            Self::NoPi => None,
        }
    }
}

/// Whether a device is a part of it, and so no camera by itself.
pub(super) fn is_part(root: &Path, path: &Path) -> bool {
    is_named(root, path, &RECEIVERS) || is_named(root, path, &PROCESSORS)
}

/// How the camera is named to us.
pub(super) fn source_line(Resolution { width, height }: Resolution) -> String {
    format!(
        "--source \"exec:rpicam-vid -t 0 --codec mjpeg -q 80 --width {width} --height {height} -o -\""
    )
}

fn is_named(root: &Path, path: &Path, beginnings: &[&str]) -> bool {
    [
        nodes::name_below(root, path),
        nodes::driver_below(root, path),
    ]
    .iter()
    .flatten()
    .any(|name| {
        beginnings
            .iter()
            .any(|beginning| name.starts_with(beginning))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Resolution = Resolution {
        width: 1280,
        height: 720,
    };

    /// A machine of this model, with devices of these names.
    fn machine(model: Option<&str>, names: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: String, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        if let Some(model) = model {
            // As the device tree has it: with a zero at its end.
            write("proc/device-tree/model".to_owned(), &format!("{model}\0"));
        }
        for (number, name) in names.iter().enumerate() {
            write(format!("dev/video{number}"), "");
            write(
                format!("sys/class/video4linux/video{number}/name"),
                &format!("{name}\n"),
            );
        }
        root
    }

    #[test]
    fn a_pi_that_found_its_camera_says_how_it_is_reached() {
        for (model, names) in [
            (
                "Raspberry Pi 4 Model B Rev 1.5",
                ["unicam-image", "bcm2835-isp-output0"],
            ),
            (
                "Raspberry Pi 5 Model B Rev 1.0",
                ["pispbe-input", "rp1-cfe-csi2_ch0"],
            ),
        ] {
            let root = machine(Some(model), &names);
            let camera = OwnCamera::look(root.path());
            assert_eq!(camera, OwnCamera::Found, "{model}");
            let hint = camera.hint(HD).unwrap();
            assert!(
                hint.ends_with("--source \"exec:rpicam-vid -t 0 --codec mjpeg -q 80 --width 1280 --height 720 -o -\""),
                "{hint}"
            );
        }
    }

    #[test]
    fn a_pi_without_one_says_how_to_look_for_it() {
        let root = machine(
            Some("Raspberry Pi 4 Model B"),
            &["bcm2835-codec-decode", "bcm2835-isp-capture0"],
        );
        let camera = OwnCamera::look(root.path());
        assert_eq!(camera, OwnCamera::NotFound);
        assert!(camera.hint(HD).unwrap().contains("--list-cameras"));
    }

    #[test]
    fn other_machines_hear_nothing_of_it() {
        for model in [None, Some("Radxa ROCK 5B")] {
            let root = machine(model, &["unicam-image"]);
            assert_eq!(OwnCamera::look(root.path()).hint(HD), None);
        }
    }

    #[test]
    fn its_parts_are_told_from_cameras() {
        let root = machine(None, &["bcm2835-isp-capture0", "HD Pro Webcam C920"]);
        let part = |node: &str| is_part(root.path(), &root.path().join("dev").join(node));
        assert!(part("video0") && !part("video1"));
    }
}
