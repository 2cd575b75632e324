//! Agreeing with a device on format, size and rate.
//!
//! A driver does not refuse what it cannot do: it sets something near it and says so only to who compares.

use std::path::Path;

use v4l::video::Capture as _;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC};

use super::guard::guarded;
use super::mode::{self, Agreed, Asked, Offer};
use super::trouble::{Trouble, format_name};
use crate::source::Resolution;

/// Motion JPEG, and the name that some older drivers give it.
const USABLE: [&[u8; 4]; 2] = [b"MJPG", b"JPEG"];

/// Whether pictures of this format are ours to take.
pub(super) fn is_usable(format: FourCC) -> bool {
    USABLE.iter().any(|name| FourCC::new(name) == format)
}

/// Sets the device to Motion JPEG as near to `asked` as it can. Returns what it is set to and, if that is not what was
/// asked, the one line that says so.
pub(super) fn negotiate(
    device: &Device,
    path: &Path,
    asked: &Asked,
) -> Result<(Agreed, Option<String>), Trouble> {
    let formats = offered_formats(device)?;
    let fourcc = choose(&formats, path, asked)?;
    let agreed = agree(device, fourcc, asked)?;
    let difference = agreed
        .differs_from(asked)
        .then(|| mode::tell_difference(asked, &agreed, &offer(device, fourcc, agreed, &formats)));
    Ok((agreed, difference))
}

/// What the device calls its formats; empty if even that fails inside the crate.
fn offered_formats(device: &Device) -> Result<Vec<FourCC>, Trouble> {
    match guarded(|| device.enum_formats()) {
        // Every reason to refuse looks like "none" here; another question tells them apart.
        Ok(formats) if formats.is_empty() => Err(match guarded(|| device.params()) {
            Err(error) => Trouble::no_formats(error.raw_os_error()),
            Ok(_) => Trouble::no_formats(None),
        }),
        Ok(formats) => Ok(formats.iter().map(|format| format.fourcc).collect()),
        Err(_) => Ok(Vec::new()),
    }
}

fn choose(formats: &[FourCC], path: &Path, asked: &Asked) -> Result<FourCC, Trouble> {
    let mut usable = USABLE.iter().map(|name| FourCC::new(name));
    if formats.is_empty() {
        return Ok(FourCC::new(USABLE[0]));
    }
    usable
        .find(|fourcc| formats.contains(fourcc))
        .ok_or_else(|| Trouble::no_mjpg(path, &names(formats), asked.resolution))
}

/// Sets format and rate, and reads back what the driver made of them.
fn agree(device: &Device, fourcc: FourCC, asked: &Asked) -> Result<Agreed, Trouble> {
    let size = asked.resolution;
    let wanted = Format::new(size.width, size.height, fourcc);
    let resolution = match guarded(|| device.set_format(&wanted)) {
        Ok(format) if format.fourcc != fourcc => return Err(Trouble::other_format(format.fourcc)),
        Ok(format) => Some(Resolution {
            width: format.width,
            height: format.height,
        }),
        // Not the driver's error: it was set, and the crate cannot read the answer (an unknown colour space).
        Err(error) if error.raw_os_error().is_none() => None,
        Err(error) => return Err(Trouble::talking("setting the format", &error)),
    };
    let rate = guarded(|| match asked.fps {
        Some(fps) => device.set_params(&Parameters::new(mode::interval_of(fps))),
        None => device.params(),
    });
    let fps = match rate {
        Ok(params) => mode::fps_of(params.interval),
        // Drivers without a rate to set refuse in one of these ways.
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOTTY | libc::EINVAL) | None => None,
            Some(_) => return Err(Trouble::talking("setting the rate", &error)),
        },
    };
    Ok(Agreed { resolution, fps })
}

fn offer(device: &Device, fourcc: FourCC, agreed: Agreed, formats: &[FourCC]) -> Offer {
    let sizes = guarded(|| device.enum_framesizes(fourcc)).unwrap_or_default();
    let rates = agreed.resolution.map(|size| {
        guarded(|| device.enum_frameintervals(fourcc, size.width, size.height)).unwrap_or_default()
    });
    Offer {
        formats: names(formats),
        sizes: sizes.iter().map(mode::size_in_words).collect(),
        rates: rates.iter().flatten().map(mode::rate_in_words).collect(),
    }
}

fn names(formats: &[FourCC]) -> Vec<String> {
    formats.iter().copied().map(format_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motion_jpeg_is_chosen_under_either_name() {
        let asked = Asked {
            resolution: Resolution {
                width: 1280,
                height: 720,
            },
            fps: None,
        };
        let choose = |names: &[&[u8; 4]]| {
            let formats: Vec<FourCC> = names.iter().map(|name| FourCC::new(name)).collect();
            choose(&formats, Path::new("/dev/video0"), &asked)
        };
        let chosen = |names| choose(names).expect("a usable format").repr;
        assert_eq!(chosen(&[b"YUYV", b"JPEG", b"MJPG"]), *b"MJPG");
        assert_eq!(chosen(&[b"YUYV", b"JPEG"]), *b"JPEG");
        assert_eq!(chosen(&[]), *b"MJPG");
        assert!(matches!(choose(&[b"YUYV"]), Err(Trouble::Hopeless(_))));
    }
}
