//! What is asked of a camera, what it agrees to, and how the difference is told.

use std::fmt::{self, Write as _};

use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::{Fraction, FrameInterval, FrameSize};

use crate::source::Resolution;

/// Rates nearer than this are the same: 29.97 is 30 to everybody but an engineer.
const SAME_RATE: f64 = 0.005;

/// So many formats, sizes or rates fit a line; cameras offer fewer than 20 sizes as a rule.
const LISTED: usize = 20;

#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) resolution: Resolution,
    /// Frames a second; `None`: the camera's own.
    pub(super) fps: Option<f64>,
}

/// What the driver set in answer. `None`: it does not say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Agreed {
    pub(super) resolution: Option<Resolution>,
    pub(super) fps: Option<f64>,
}

/// What the camera could do instead, in words.
#[derive(Debug, Clone, Default)]
pub(super) struct Offer {
    pub(super) formats: Vec<String>,
    /// Sizes of MJPG.
    pub(super) sizes: Vec<String>,
    /// Rates of MJPG at the agreed size.
    pub(super) rates: Vec<String>,
}

impl Agreed {
    pub(super) fn differs_from(&self, asked: &Asked) -> bool {
        self.resolution.is_some_and(|size| size != asked.resolution) || self.rate_differs(asked)
    }

    /// A rate that was asked and cannot be read back was not agreed to.
    fn rate_differs(&self, asked: &Asked) -> bool {
        let Some(asked) = asked.fps else { return false };
        self.fps
            .is_none_or(|fps| (fps - asked).abs() > asked * SAME_RATE)
    }
}

/// The one line on what a camera refused or changed.
pub(super) fn tell_difference(asked: &Asked, agreed: &Agreed, offer: &Offer) -> String {
    let wanted = Agreed {
        resolution: Some(asked.resolution),
        fps: asked.fps,
    };
    let mut line = format!("the camera gives {agreed} instead of {wanted}");
    for (what, list) in [
        ("; it offers the formats ", &offer.formats),
        ("; of MJPG the sizes ", &offer.sizes),
        ("; at this size the rates ", &offer.rates),
    ] {
        if !list.is_empty() {
            line.push_str(what);
            line.push_str(&listed(list));
        }
    }
    line
}

/// In one line, which a few drivers would fill with dozens.
pub(crate) fn listed(words: &[String]) -> String {
    let shown = words.len().min(LISTED);
    let mut line = words[..shown].join(", ");
    if words.len() > shown {
        let _ = write!(line, " and {} more", words.len() - shown);
    }
    line
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MJPG")?;
        if let Some(Resolution { width, height }) = self.resolution {
            write!(f, " {width}x{height}")?;
        }
        match self.fps {
            Some(fps) => write!(f, " at {} fps", round(fps)),
            None => f.write_str(" at its own rate"),
        }
    }
}

/// The time between pictures as V4L2 wants it: a fraction of a second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped before"
)]
pub(super) fn interval_of(fps: f64) -> Fraction {
    let fps = fps.clamp(0.001, 1_000.0);
    if (fps - fps.round()).abs() < 1e-9 {
        Fraction::new(1, fps.round() as u32)
    } else {
        Fraction::new(1_000, (fps * 1_000.0).round() as u32)
    }
}

/// `None` for the 0/0 of drivers that know no rate.
pub(super) fn fps_of(interval: Fraction) -> Option<f64> {
    (interval.numerator > 0 && interval.denominator > 0)
        .then(|| f64::from(interval.denominator) / f64::from(interval.numerator))
}

pub(super) fn size_in_words(size: &FrameSize) -> String {
    match &size.size {
        FrameSizeEnum::Discrete(size) => format!("{}x{}", size.width, size.height),
        FrameSizeEnum::Stepwise(range) => format!(
            "{}x{} to {}x{}",
            range.min_width, range.min_height, range.max_width, range.max_height
        ),
    }
}

pub(super) fn rate_in_words(interval: &FrameInterval) -> String {
    let fps = |interval| fps_of(interval).map_or_else(|| "?".to_owned(), round);
    match &interval.interval {
        FrameIntervalEnum::Discrete(interval) => fps(*interval),
        FrameIntervalEnum::Stepwise(range) => format!("{} to {}", fps(range.max), fps(range.min)),
    }
}

/// At most two decimals, none that are zero.
fn round(fps: f64) -> String {
    let text = format!("{fps:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l::FourCC;
    use v4l::framesize::{Discrete, Stepwise};

    fn size(width: u32, height: u32) -> Resolution {
        Resolution { width, height }
    }

    fn asked(fps: Option<f64>) -> Asked {
        Asked {
            resolution: size(1280, 720),
            fps,
        }
    }

    fn agreed(resolution: Resolution, fps: Option<f64>) -> Agreed {
        Agreed {
            resolution: Some(resolution),
            fps,
        }
    }

    #[test]
    fn what_the_camera_changed_is_told_in_one_line_with_what_it_offers() {
        let offer = Offer {
            formats: vec!["MJPG".into(), "YUYV".into()],
            sizes: vec!["1920x1080".into(), "640x480".into()],
            rates: vec!["30".into(), "15".into()],
        };
        assert_eq!(
            tell_difference(
                &asked(Some(60.0)),
                &agreed(size(640, 480), Some(15.0)),
                &offer
            ),
            "the camera gives MJPG 640x480 at 15 fps instead of MJPG 1280x720 at 60 fps; it offers the formats MJPG, \
             YUYV; of MJPG the sizes 1920x1080, 640x480; at this size the rates 30, 15"
        );
    }

    #[test]
    fn what_the_camera_does_not_enumerate_is_left_out() {
        let line = tell_difference(
            &asked(Some(30.0)),
            &agreed(size(1280, 720), None),
            &Offer::default(),
        );
        assert_eq!(
            line,
            "the camera gives MJPG 1280x720 at its own rate instead of MJPG 1280x720 at 30 fps"
        );
    }

    #[test]
    fn a_long_list_is_cut_short_and_says_so() {
        let words: Vec<String> = (1..=23).map(|n| n.to_string()).collect();
        assert!(listed(&words).ends_with(", 19, 20 and 3 more"));
        assert_eq!(listed(&words[..2]), "1, 2");
    }

    #[test]
    fn only_what_was_asked_can_be_refused() {
        let hd = size(1280, 720);
        assert!(!agreed(hd, Some(30.0)).differs_from(&asked(Some(30.0))));
        assert!(!agreed(hd, Some(30_000.0 / 1_001.0)).differs_from(&asked(Some(30.0))));
        assert!(!agreed(hd, Some(15.0)).differs_from(&asked(None)));
        assert!(!agreed(hd, None).differs_from(&asked(None)));
        assert!(agreed(hd, Some(25.0)).differs_from(&asked(Some(30.0))));
        assert!(agreed(hd, None).differs_from(&asked(Some(30.0))));
        assert!(agreed(size(640, 480), Some(30.0)).differs_from(&asked(Some(30.0))));
    }

    #[test]
    fn rates_become_fractions_and_back() {
        for fps in [30.0, 29.97, 7.5, 0.5, 1.0, 120.0] {
            let back = fps_of(interval_of(fps)).expect("a rate");
            assert!((back - fps).abs() < 1e-6, "{fps} became {back}");
        }
        let whole = interval_of(30.0);
        assert_eq!((whole.numerator, whole.denominator), (1, 30));
        assert_eq!(interval_of(0.0).denominator, 1);
        assert_eq!(fps_of(Fraction::new(0, 0)), None);
        assert_eq!(fps_of(Fraction::new(1, 0)), None);
    }

    #[test]
    fn sizes_and_rates_are_told_as_people_write_them() {
        let fourcc = FourCC::new(b"MJPG");
        let told = |size| {
            size_in_words(&FrameSize {
                index: 0,
                fourcc,
                typ: 0,
                size,
            })
        };
        assert_eq!(
            told(FrameSizeEnum::Discrete(Discrete {
                width: 640,
                height: 480
            })),
            "640x480"
        );
        assert_eq!(
            told(FrameSizeEnum::Stepwise(Stepwise {
                min_width: 32,
                max_width: 1920,
                step_width: 2,
                min_height: 16,
                max_height: 1080,
                step_height: 2,
            })),
            "32x16 to 1920x1080"
        );
        let rate = rate_in_words(&FrameInterval {
            index: 0,
            fourcc,
            width: 640,
            height: 480,
            typ: 0,
            interval: FrameIntervalEnum::Discrete(Fraction::new(2, 15)),
        });
        assert_eq!(rate, "7.5");
    }
}
