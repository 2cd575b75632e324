//! Options that say where frames go and how they lie there.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::keeping::KeepArgs;
use crate::layout::Layout;
use crate::store::SyncMode;

const LAYOUTS: &str = "\
Where each frame goes below --out: minutes, images, or a template

  minutes   {camera}/{date}/{hour}/{minute}/{time}_{stream8}_{sequence:09}.jpg
  images    image%06d.jpg

A template may use {camera} {date} {hour} {minute} {second} {time} {stream} {stream8} {sequence} {sequence:09} and %06d, the \
frame's number. One that names no camera or no stream gets a folder for each. Times are UTC.
";

#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
pub(crate) struct FileArgs {
    /// Folder to write into; one subscriber at a time
    #[arg(
        long,
        env = "FRAMEBRIDGE_OUT",
        value_name = "DIR",
        default_value = "frames"
    )]
    pub(crate) out: PathBuf,

    /// Where each frame goes below --out: minutes, images, or a template
    #[arg(long, env = "FRAMEBRIDGE_LAYOUT", value_name = "TEMPLATE", default_value = "minutes", long_help = LAYOUTS)]
    pub(crate) layout: Layout,

    /// Write into each frame's file when it was taken, by which camera, and which frame it is, for Explorer and other viewers
    /// (Exif); the picture stays as it is
    #[arg(long, env = "FRAMEBRIDGE_EXIF", value_parser = BoolishValueParser::new())]
    pub(crate) exif: bool,

    /// When stored frames are forced to the disk, so that a power cut cannot take them
    #[arg(
        long,
        env = "FRAMEBRIDGE_SYNC",
        value_name = "WHEN",
        value_enum,
        default_value = "none"
    )]
    pub(crate) sync: SyncMode,

    /// Keep the newest frame in this file, replaced in one step; {camera} stands for the camera's name
    #[arg(long, env = "FRAMEBRIDGE_LATEST", value_name = "FILE")]
    pub(crate) latest: Option<PathBuf>,

    /// Write an MJPEG stream to standard output; a reader that is too slow misses frames, files miss none
    #[arg(long, env = "FRAMEBRIDGE_STDOUT", value_parser = BoolishValueParser::new())]
    pub(crate) stdout: bool,

    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}
