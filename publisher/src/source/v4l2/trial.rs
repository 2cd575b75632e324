//! One picture, taken to see whether it can be: no waiting for a camera that is away.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::mode::Asked;
use super::{SLICE, nodes, open};
use crate::source::SourceOptions;

/// A camera that takes longer for its first picture hangs, or gets no light at all with a long exposure.
const PATIENCE: Duration = Duration::from_secs(10);

/// Some cameras begin with broken pictures.
const BROKEN_PICTURES: u32 = 10;

/// What a camera gave.
pub(crate) struct Trial {
    /// What it is called.
    pub(crate) name: Option<String>,
    /// The mode that it agreed to.
    pub(crate) mode: String,
    /// The line on what was refused or changed, if anything was.
    pub(crate) difference: Option<String>,
    pub(crate) jpeg: Bytes,
}

/// Opens the camera as a run would, with its controls, and takes one picture. An error says in one line why not. Blocks.
pub(crate) fn try_camera(path: &Path, options: &SourceOptions) -> Result<Trial, String> {
    let asked = Asked {
        resolution: options.resolution,
        fps: options.fps,
    };
    let mut camera =
        open(path, &asked, &options.controls).map_err(|trouble| trouble.to_string())?;
    let start = Instant::now();
    let mut broken = 0;
    while start.elapsed() < PATIENCE {
        let capturing = |error| format!("capturing failed: {error}");
        if !camera.is_ready_within(SLICE).map_err(capturing)? {
            continue;
        }
        match camera
            .take(options.max_frame_bytes)
            .map_err(capturing)?
            .jpeg
        {
            Ok(jpeg) => {
                return Ok(Trial {
                    name: nodes::name_of(path),
                    mode: camera.agreed.to_string(),
                    difference: camera.difference.clone(),
                    jpeg,
                });
            }
            Err(error) if broken == BROKEN_PICTURES => {
                return Err(format!("its pictures are broken: {error}"));
            }
            Err(_) => broken += 1,
        }
    }
    Err(format!(
        "agreed to {}, and gave no picture in {} s: plug it in again, or try another port or a lower --resolution",
        camera.agreed,
        PATIENCE.as_secs()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::fixture::options;

    #[test]
    fn what_is_no_camera_says_so_at_once() {
        let error = try_camera(Path::new("/dev/null"), &options())
            .err()
            .unwrap();
        assert!(error.contains("no capture device"), "{error}");
        let error = try_camera(Path::new("/dev/video-none"), &options())
            .err()
            .unwrap();
        assert!(error.starts_with("does not exist"), "{error}");
    }
}
