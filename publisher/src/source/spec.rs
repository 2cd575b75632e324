//! What a user may name as a source, and how large its pictures shall be.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::mask::Masked;

/// What `--source` accepts, for errors and help.
const ACCEPTED: &str = "/dev/video0, exec:COMMAND, - (standard input), an MJPEG file, a folder of JPEG files, \
                        http://HOST/PATH, https://HOST/PATH or test";

/// Which source to open: the value of `--source`.
#[derive(Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// A V4L2 capture device.
    V4l2(PathBuf),
    /// A program whose standard output is an MJPEG stream: its words, no shell.
    Exec(Vec<String>),
    /// An MJPEG stream on standard input.
    Stdin,
    /// An MJPEG file, or a folder of JPEG files in the order of their names.
    Path(PathBuf),
    /// A `multipart/x-mixed-replace` camera.
    Http(url::Url),
    /// A moving test picture.
    Test,
}

/// Whether a source can be made to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceClass {
    /// What is not taken now is still there later: a file, a folder, standard input.
    Finite,
    /// The world goes on whether or not there is room: V4L2, HTTP, a program, the test picture.
    Live,
}

impl SourceSpec {
    /// Whether it may be made to wait for room.
    #[must_use]
    pub fn class(&self) -> SourceClass {
        match self {
            Self::Stdin | Self::Path(_) => SourceClass::Finite,
            Self::V4l2(_) | Self::Exec(_) | Self::Http(_) | Self::Test => SourceClass::Live,
        }
    }

    /// Whether the next picture may keep its thread busy for long: in the driver, or drawing it.
    #[must_use]
    pub fn may_block(&self) -> bool {
        matches!(self, Self::V4l2(_) | Self::Test)
    }
}

impl FromStr for SourceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => return Err(format!("no source given: use {ACCEPTED}")),
            "-" => return Ok(Self::Stdin),
            "test" => return Ok(Self::Test),
            _ if text.starts_with("/dev/video") || text.starts_with("/dev/v4l/") => {
                return Ok(Self::V4l2(text.into()));
            }
            _ => {}
        }
        let Some((scheme, rest)) = split_scheme(text) else {
            return Ok(Self::Path(text.into()));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "v4l2" if rest.is_empty() => {
                Err("v4l2: names no device: use for example v4l2:/dev/video0".into())
            }
            "v4l2" => Ok(Self::V4l2(rest.into())),
            "exec" => parse_command(rest),
            "http" | "https" => url::Url::parse(text)
                .map(Self::Http)
                .map_err(|err| format!("{} is not a usable URL: {err}", Masked(text))),
            _ => Err(format!(
                "{scheme}: is no kind of source: use {ACCEPTED} (a file of that name: ./{})",
                Masked(text)
            )),
        }
    }
}

/// A drive letter is no scheme, nor is a colon after a slash.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let plausible = scheme.len() >= 2
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    plausible.then_some((scheme, rest))
}

fn parse_command(command: &str) -> Result<SourceSpec, String> {
    let words = shlex::split(command)
        .ok_or_else(|| format!("exec:{}: a quote is not closed", Masked(command)))?;
    if words.first().is_none_or(String::is_empty) {
        return Err("exec: names no program: use for example \
                    exec:\"rpicam-vid -t 0 --codec mjpeg -o -\""
            .into());
    }
    Ok(SourceSpec::Exec(words))
}

/// As it could have been given, with passwords masked.
impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4l2(path) => write!(f, "v4l2:{}", path.display()),
            Self::Exec(words) => write!(f, "exec:{}", Masked(&join(words))),
            Self::Stdin => f.write_str("-"),
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Http(url) => write!(f, "{}", Masked(url.as_str())),
            Self::Test => f.write_str("test"),
        }
    }
}

/// As it is shown: a derived one would print passwords.
impl fmt::Debug for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceSpec({self})")
    }
}

fn join(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// Picture size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl FromStr for Resolution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a size such as 1280x720, each side from 16 to 16384");
        let (width, height) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
        let side = |side: &str| side.parse().ok().filter(|side| (16..=16384).contains(side));
        Ok(Self {
            width: side(width).ok_or_else(wrong)?,
            height: side(height).ok_or_else(wrong)?,
        })
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> SourceSpec {
        text.parse().unwrap()
    }

    fn refusal(text: &str) -> String {
        let refusal = text.parse::<SourceSpec>().unwrap_err();
        assert!(!refusal.contains('\n'), "{refusal}");
        refusal
    }

    #[test]
    fn each_kind_of_source_is_told_by_its_form() {
        assert_eq!(parse("/dev/video0"), SourceSpec::V4l2("/dev/video0".into()));
        assert_eq!(parse("v4l2:/dev/cam"), SourceSpec::V4l2("/dev/cam".into()));
        assert_eq!(parse("-"), SourceSpec::Stdin);
        assert_eq!(parse("test"), SourceSpec::Test);
        for path in ["a.mjpeg", "./exec:x", "C:\\clips\\a.mjpg", "/a/b:c", "dir/"] {
            assert_eq!(parse(path), SourceSpec::Path(path.into()), "{path}");
        }
        assert!(matches!(parse("HTTP://cam/stream"), SourceSpec::Http(_)));
        assert!(matches!(parse("https://cam"), SourceSpec::Http(_)));
    }

    #[test]
    fn a_command_is_split_into_words_without_a_shell() {
        let words = ["ffmpeg", "-i", "a b.mp4", "$HOME", "-"].map(String::from);
        assert_eq!(
            parse("exec:ffmpeg -i 'a b.mp4' $HOME -"),
            SourceSpec::Exec(words.into())
        );
    }

    #[test]
    fn what_is_no_source_is_refused_with_what_is_accepted() {
        for text in ["", "rtsp://cam/live", "libcamera:0", "file:a.mjpeg"] {
            let refusal = refusal(text);
            assert!(refusal.contains("exec:COMMAND"), "{refusal}");
        }
        for text in ["exec:", "exec:''", "exec:a 'b", "v4l2:", "http://"] {
            refusal(text);
        }
        assert!(!refusal("rtsp://me:pw@cam/live").contains("pw"));
    }

    #[test]
    fn passwords_are_shown_neither_by_display_nor_by_debug() {
        for text in [
            "http://me:hunter2@cam/stream",
            "exec:ffmpeg -i rtsp://me:hunter2@cam/live -f mjpeg -",
        ] {
            let spec = parse(text);
            for shown in [spec.to_string(), format!("{spec:?}")] {
                assert!(!shown.contains("hunter2"), "{shown}");
                assert!(shown.contains("me:***@cam"), "{shown}");
            }
        }
    }

    #[test]
    fn only_what_keeps_its_pictures_may_wait() {
        for finite in ["-", "a.mjpeg"] {
            assert_eq!(parse(finite).class(), SourceClass::Finite);
        }
        for live in ["/dev/video0", "exec:cat", "http://cam", "test"] {
            assert_eq!(parse(live).class(), SourceClass::Live);
        }
    }
}
