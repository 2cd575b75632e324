//! The real footage that the tests send: 132 frames of 1280x720, as ffmpeg made them.
//!
//! It is fetched and made by `make test-prepare`, never committed. Where a frame begins and ends is ffprobe's word, not
//! ours: the programs under test are not their own judge.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::eventually::SOON;
use super::launch::Launch;

/// How many frames the footage has.
pub(crate) const FRAMES: usize = 132;

/// The footage, in the order of time.
pub(crate) struct Footage {
    /// An MJPEG stream in a file.
    pub(crate) file: PathBuf,
    /// Its frames; together they are the file.
    pub(crate) frames: Vec<Vec<u8>>,
}

impl Footage {
    /// Writes the first `count` frames into `folder` as `0001.jpg` and so on.
    pub(crate) fn write_into(&self, folder: &Path, count: usize) {
        for (frame, number) in self.frames[..count].iter().zip(1..) {
            fs::write(folder.join(format!("{number:04}.jpg")), frame).expect("writing a frame");
        }
    }

    /// `total` frames of the first `count` ones, again and again.
    pub(crate) fn repeated(&self, count: usize, total: usize) -> Vec<Vec<u8>> {
        self.frames[..count]
            .iter()
            .cycle()
            .take(total)
            .cloned()
            .collect()
    }

    /// The command that plays it in real time, 30 frames a second, its bytes unchanged.
    pub(crate) fn played_in_real_time(&self) -> String {
        format!(
            "exec:ffmpeg -hide_banner -loglevel error -re -f mjpeg -framerate 30 -i {} -c copy -f mjpeg -",
            self.file.display()
        )
    }
}

/// The footage, read once.
pub(crate) fn footage() -> &'static Footage {
    static FOOTAGE: OnceLock<Footage> = OnceLock::new();
    FOOTAGE.get_or_init(|| {
        let file = prepared("FRAMEBRIDGE_TEST_FOOTAGE", "footage/bigbuckbunny.mjpeg");
        let frames = cut(&file);
        assert_eq!(frames.len(), FRAMES, "the footage is not what it was");
        Footage { file, frames }
    })
}

/// The Python that has the foreign clients' libraries.
pub(crate) fn python() -> PathBuf {
    prepared("FRAMEBRIDGE_TEST_PYTHON", "python/bin/python3")
}

fn cut(file: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(file).expect("reading the footage");
    let sizes = Launch::new("ffprobe", "ffprobe")
        .flags("-loglevel error -f mjpeg -show_entries packet=size -of csv=print_section=0 -i")
        .arg(file)
        .run(SOON)
        .succeeded()
        .text();
    let mut rest = bytes.as_slice();
    let frames = sizes
        .lines()
        .map(|size| {
            let size = size
                .trim_matches(',')
                .parse()
                .expect("ffprobe prints sizes");
            let (frame, after) = rest.split_at(size);
            rest = after;
            frame.to_vec()
        })
        .collect();
    assert!(rest.is_empty(), "the frames together are the file");
    frames
}

/// What `make test-prepare` or another command of the Makefile puts below `target/test-tools`.
pub(crate) fn prepared(variable: &str, default: &str) -> PathBuf {
    let path = env::var_os(variable).map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../target/test-tools")
                .join(default)
        },
        PathBuf::from,
    );
    assert!(
        path.exists(),
        "{} is missing: run `make test-prepare` (`make test-windows` for Windows)",
        path.display()
    );
    path
}
