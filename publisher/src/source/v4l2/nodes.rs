//! The video devices that the kernel names, for messages. Nothing here opens one.

use std::fs;
use std::path::{Path, PathBuf};

/// Every `/dev/videoN` with the name of what stands behind it, in the order of their numbers.
pub(super) fn in_words() -> String {
    let mut numbers: Vec<u32> = fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .filter_map(|entry| video_number(entry.ok()?.file_name().to_str()?))
        .collect();
    numbers.sort_unstable();
    let nodes: Vec<String> = numbers
        .iter()
        .map(|number| {
            let path = PathBuf::from(format!("/dev/video{number}"));
            match name_of(&path) {
                Some(name) => format!("{} ({name})", path.display()),
                None => path.display().to_string(),
            }
        })
        .collect();
    if nodes.is_empty() {
        "there is no /dev/video* at all".to_owned()
    } else {
        format!("there are {}", nodes.join(", "))
    }
}

/// The product's name. Read from sysfs: asking the device goes through code that panics on some names.
pub(super) fn name_of(path: &Path) -> Option<String> {
    let name = fs::read(in_sysfs(path)?.join("name")).ok()?;
    Some(String::from_utf8_lossy(&name).trim().to_owned())
}

/// The kernel's driver, such as `uvcvideo`.
pub(super) fn driver_of(path: &Path) -> Option<String> {
    let driver = fs::read_link(in_sysfs(path)?.join("device/driver")).ok()?;
    Some(driver.file_name()?.to_string_lossy().into_owned())
}

/// Links such as those in `/dev/v4l/by-id` are followed.
fn in_sysfs(path: &Path) -> Option<PathBuf> {
    let node = fs::canonicalize(path).ok()?;
    Some(Path::new("/sys/class/video4linux").join(node.file_name()?))
}

fn video_number(file_name: &str) -> Option<u32> {
    file_name.strip_prefix("video")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbered_video_nodes_count() {
        assert_eq!(video_number("video12"), Some(12));
        for other in ["video", "videoconsole", "media0", "v4l-subdev0", "vide"] {
            assert_eq!(video_number(other), None, "{other}");
        }
    }
}
