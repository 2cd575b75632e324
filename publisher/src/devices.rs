//! `devices`: the cameras of this machine, in text or as JSON.

use crate::config::DevicesArgs;

#[cfg(not(target_os = "linux"))]
pub(crate) fn list(args: &DevicesArgs) -> anyhow::Result<()> {
    let _ = args.json;
    anyhow::bail!("V4L2 cameras exist only on Linux: here, take another kind of --source");
}

#[cfg(target_os = "linux")]
pub(crate) use linux::list;

#[cfg(target_os = "linux")]
mod linux {
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::path::Path;

    use anyhow::Context as _;
    use serde::Serialize;

    use super::DevicesArgs;
    use crate::source::{DeviceKind, OwnCamera, Resolution, VideoDevice, listed, survey};

    #[derive(Serialize)]
    struct Report {
        devices: Vec<VideoDevice>,
        /// How the Pi's own camera is reached, on a Pi.
        note: Option<String>,
    }

    /// Prints what there is.
    pub(crate) fn list(args: &DevicesArgs) -> anyhow::Result<()> {
        let root = Path::new("/");
        let report = Report {
            devices: survey(root),
            note: OwnCamera::look(root).hint(Resolution {
                width: 1280,
                height: 720,
            }),
        };
        let printed = if args.json {
            serde_json::to_string_pretty(&report).context("failed to write the list")? + "\n"
        } else {
            in_text(&report)
        };
        std::io::stdout()
            .write_all(printed.as_bytes())
            .context("failed to print the list")
    }

    fn in_text(report: &Report) -> String {
        let mut text = String::new();
        let (others, cameras): (Vec<_>, Vec<_>) = report
            .devices
            .iter()
            .partition(|device| device.kind == DeviceKind::Other);
        for device in cameras {
            describe(&mut text, device);
        }
        if text.is_empty() {
            text.push_str(
                "No V4L2 camera was found: is it plugged in, and this user in the group video?\n",
            );
        }
        if !others.is_empty() {
            text.push_str("\nNo cameras:\n");
            for device in others {
                let says = device.says.as_deref().unwrap_or_default();
                let _ = writeln!(text, "  {}: {says}", title(device));
            }
        }
        if let Some(note) = &report.note {
            let _ = writeln!(text, "\nNote: {note}");
        }
        text
    }

    fn title(device: &VideoDevice) -> String {
        let path = device.path.display();
        match (&device.name, &device.driver) {
            (Some(name), Some(driver)) => format!("{path} ({name}, driver {driver})"),
            (Some(name), None) => format!("{path} ({name})"),
            (None, _) => path.to_string(),
        }
    }

    fn describe(text: &mut String, device: &VideoDevice) {
        let _ = writeln!(text, "{}", title(device));
        if let Some(says) = &device.says {
            let _ = writeln!(text, "  {says}");
        }
        for name in &device.stable_names {
            let _ = writeln!(text, "  also {}", name.display());
        }
        let (usable, others): (Vec<_>, Vec<_>) =
            device.formats.iter().partition(|format| format.usable);
        for format in usable {
            let _ = writeln!(text, "  {}", format.format);
            for size in &format.sizes {
                let rates = match size.fps.as_slice() {
                    [] => String::new(),
                    rates => format!(" at {} fps", rates.join(", ")),
                };
                let _ = writeln!(text, "    {}{rates}", size.size);
            }
        }
        if !others.is_empty() {
            // Their sizes are of no use here; --json has them.
            let names: Vec<_> = others.iter().map(|format| format.format.clone()).collect();
            let _ = writeln!(text, "  not used: {}", listed(&names));
        }
        if !device.controls.is_empty() {
            text.push_str("  controls\n");
        }
        for control in &device.controls {
            let _ = writeln!(text, "    {control}");
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::source::{OfferedFormat, OfferedSize};

        fn device(number: u32, kind: DeviceKind) -> VideoDevice {
            VideoDevice {
                path: format!("/dev/video{number}").into(),
                name: Some("Webcam".to_owned()),
                driver: Some("uvcvideo".to_owned()),
                stable_names: vec!["/dev/v4l/by-id/usb-Webcam".into()],
                kind,
                says: (kind == DeviceKind::Other).then(|| "metadata".to_owned()),
                formats: [("MJPG", true), ("YUYV", false)].map(offered).into(),
                controls: Vec::new(),
            }
        }

        fn offered((format, usable): (&str, bool)) -> OfferedFormat {
            OfferedFormat {
                format: format.to_owned(),
                usable,
                sizes: vec![OfferedSize {
                    size: "1280x720".to_owned(),
                    fps: vec!["30".to_owned(), "15".to_owned()],
                }],
            }
        }

        #[test]
        fn a_camera_is_shown_with_its_names_and_modes_and_the_rest_by_one_line_each() {
            let report = Report {
                devices: vec![device(0, DeviceKind::Camera), device(1, DeviceKind::Other)],
                note: None,
            };
            assert_eq!(
                in_text(&report),
                "/dev/video0 (Webcam, driver uvcvideo)\n  also /dev/v4l/by-id/usb-Webcam\n  MJPG\n    1280x720 at 30, 15 \
                 fps\n  not used: YUYV\n\nNo cameras:\n  /dev/video1 (Webcam, driver uvcvideo): metadata\n"
            );
        }

        #[test]
        fn nothing_at_all_is_said_too() {
            let report = Report {
                devices: Vec::new(),
                note: Some("look there".to_owned()),
            };
            let text = in_text(&report);
            assert!(text.starts_with("No V4L2 camera was found"), "{text}");
            assert!(text.ends_with("\nNote: look there\n"), "{text}");
        }
    }
}
