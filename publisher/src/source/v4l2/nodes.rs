//! The video devices that the kernel names. Nothing here opens one. Where a root folder is given, it is `/` but in tests.

use std::fs;
use std::path::{Path, PathBuf};

/// Every `/dev/videoN` with the name of what stands behind it, in the order of their numbers.
pub(super) fn in_words() -> String {
    let nodes: Vec<String> = all(Path::new("/"))
        .iter()
        .map(|path| match name_of(path) {
            Some(name) => format!("{} ({name})", path.display()),
            None => path.display().to_string(),
        })
        .collect();
    if nodes.is_empty() {
        "there is no /dev/video* at all".to_owned()
    } else {
        format!("there are {}", nodes.join(", "))
    }
}

/// Every `/dev/videoN`, in the order of their numbers.
pub(super) fn all(root: &Path) -> Vec<PathBuf> {
    let dev = root.join("dev");
    let mut numbers: Vec<u32> = fs::read_dir(&dev)
        .into_iter()
        .flatten()
        .filter_map(|entry| video_number(entry.ok()?.file_name().to_str()?))
        .collect();
    numbers.sort_unstable();
    let path = |number| dev.join(format!("video{number}"));
    numbers.into_iter().map(path).collect()
}

/// The links that udev has made for `node` by what it is and where it is plugged in: they stay when numbers change.
pub(super) fn stable_names(root: &Path, node: &Path) -> Vec<PathBuf> {
    let node = fs::canonicalize(node).ok();
    let mut names: Vec<PathBuf> = ["by-id", "by-path"]
        .iter()
        .flat_map(|folder| fs::read_dir(root.join("dev/v4l").join(folder)))
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|link| node.is_some() && fs::canonicalize(link).ok() == node)
        .collect();
    names.sort();
    names
}

/// The product's name. Read from sysfs: asking the device goes through code that panics on some names.
pub(super) fn name_of(path: &Path) -> Option<String> {
    name_below(Path::new("/"), path)
}

/// [`name_of`] a device below `root`.
pub(super) fn name_below(root: &Path, path: &Path) -> Option<String> {
    let name = fs::read(in_sysfs(root, path)?.join("name")).ok()?;
    Some(String::from_utf8_lossy(&name).trim().to_owned())
}

/// The kernel's driver, such as `uvcvideo`.
pub(super) fn driver_of(path: &Path) -> Option<String> {
    driver_below(Path::new("/"), path)
}

/// [`driver_of`] a device below `root`.
pub(super) fn driver_below(root: &Path, path: &Path) -> Option<String> {
    let driver = fs::read_link(in_sysfs(root, path)?.join("device/driver")).ok()?;
    Some(driver.file_name()?.to_string_lossy().into_owned())
}

/// Links such as those in `/dev/v4l/by-id` are followed.
fn in_sysfs(root: &Path, path: &Path) -> Option<PathBuf> {
    let node = fs::canonicalize(path).ok()?;
    Some(root.join("sys/class/video4linux").join(node.file_name()?))
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

    #[test]
    fn the_names_that_udev_gives_a_node_are_found() {
        let root = tempfile::tempdir().unwrap();
        let links = root.path().join("dev/v4l/by-id");
        fs::create_dir_all(&links).unwrap();
        for node in ["video0", "video1", "video10", "media0"] {
            fs::write(root.path().join("dev").join(node), "").unwrap();
        }
        for (link, node) in [("usb-cam-index0", "video0"), ("usb-cam-index1", "video1")] {
            std::os::unix::fs::symlink(format!("../../{node}"), links.join(link)).unwrap();
        }
        let all = all(root.path());
        let dev = root.path().join("dev");
        assert_eq!(
            all,
            ["video0", "video1", "video10"].map(|node| dev.join(node))
        );
        assert_eq!(
            stable_names(root.path(), &all[0]),
            [links.join("usb-cam-index0")]
        );
        assert!(stable_names(root.path(), &all[2]).is_empty());
    }
}
