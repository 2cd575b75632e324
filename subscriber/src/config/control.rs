//! The options of `control`: which camera, and what it is asked for.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use link::{BrokerArgs, Protocol};
use protocol::control::{Controls, Request};
use protocol::topic::{CameraName, ConsumerName, TopicPrefix};
use runtime::arguments::some_time;
use runtime::logging::LogArgs;
use runtime::program::UsageError;

const COMMANDS: &str = "\
What the camera is asked to do

  pause                take no more pictures; the camera is free for other programs
  resume               take pictures again
  snapshot             the newest picture, into --out; while paused, one is taken
  status               state, source, size, rate, figures
  fps N                so many pictures a second (V4L2 and test)
  resolution WxH       pictures of another size (V4L2 and test)
  set NAME=VALUE...    a camera's own controls (V4L2): brightness=10 gain=3
";

/// Options of `control`.
#[derive(Debug, Args)]
pub struct ControlArgs {
    /// The camera's name; its frame-publisher must run with --allow-control
    #[arg(value_name = "CAMERA")]
    pub(crate) camera: CameraName,

    /// What it is asked to do: pause, resume, snapshot, status, fps, resolution or set
    #[arg(value_name = "COMMAND", required = true, num_args = 1.., long_help = COMMANDS)]
    words: Vec<String>,

    /// Where the picture of snapshot goes; - is standard output  [default: CAMERA.jpg]
    #[arg(
        id = "snapshot_out",
        long = "out",
        env = "FRAMEBRIDGE_SNAPSHOT_OUT",
        value_name = "FILE"
    )]
    out: Option<PathBuf>,

    /// Print the answer as JSON
    #[arg(long, env = "FRAMEBRIDGE_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,

    /// How long to wait for the answer, connecting included
    #[arg(long, env = "FRAMEBRIDGE_TIMEOUT", value_name = "TIME", default_value = "5s", value_parser = some_time)]
    pub(crate) timeout: Duration,

    /// Under this name the answer comes; with our access list it must be the --username, and no running consumer's
    /// [default: the --username, or a name of its own]
    #[arg(long, env = "FRAMEBRIDGE_CONSUMER", value_name = "NAME")]
    consumer: Option<ConsumerName>,

    /// First level, or levels, of every camera topic
    #[arg(
        long,
        env = "FRAMEBRIDGE_TOPIC_PREFIX",
        value_name = "PREFIX",
        default_value = "cameras"
    )]
    pub(crate) topic_prefix: TopicPrefix,

    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

impl ControlArgs {
    /// What is asked for, checked as far as the camera would.
    pub(crate) fn request(&self) -> Result<Request, UsageError> {
        if self.broker.protocol == Protocol::V311 {
            return Err(UsageError(
                "control needs MQTT 5 response topics: leave --protocol 3.1.1 out".into(),
            ));
        }
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let request = match words[..] {
            ["pause"] => Request::Pause {},
            ["resume"] => Request::Resume {},
            ["snapshot"] => Request::Snapshot {},
            ["status"] => Request::Status {},
            ["fps", fps] => Request::Fps {
                fps: fps
                    .parse()
                    .ok()
                    .filter(|fps: &f64| fps.is_finite())
                    .ok_or_else(|| {
                        UsageError(format!("{fps:?} is no number of frames a second"))
                    })?,
            },
            ["resolution", size] => Request::Resolution {
                size: size.parse().map_err(UsageError)?,
            },
            ["set", ref controls @ ..] => Request::Set {
                controls: self::controls(controls)?,
            },
            _ => {
                return Err(UsageError(format!(
                    "{:?} is nothing that a camera can be asked: use pause, resume, snapshot, status, fps N, \
                     resolution WxH or set NAME=VALUE...",
                    words.join(" ")
                )));
            }
        };
        if self.out.is_some() && request != (Request::Snapshot {}) {
            return Err(UsageError("--out is for snapshot".into()));
        }
        // The camera would say the same, a moment later.
        Request::from_json(&request.to_json()).map_err(|error| UsageError(error.to_string()))
    }

    /// Where a picture goes; `None` is standard output.
    pub(crate) fn out(&self) -> Option<PathBuf> {
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| format!("{}.jpg", self.camera).into());
        (out.as_os_str() != "-").then_some(out)
    }

    /// Whom the camera answers.
    pub(crate) fn consumer(&self) -> ConsumerName {
        let own_name = || {
            format!("control-{:08x}", fastrand::u32(..))
                .parse()
                .expect("letters, digits and a dash are a name")
        };
        let username = self.broker.username.as_ref();
        self.consumer
            .clone()
            .or_else(|| username?.parse().ok())
            .unwrap_or_else(own_name)
    }
}

fn controls(words: &[&str]) -> Result<Controls, UsageError> {
    let controls = words
        .iter()
        .map(|word| {
            let (name, value) = word.split_once('=')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| {
            UsageError("set takes NAME=VALUE with whole numbers, such as brightness=10".into())
        })?;
    Controls::new(controls).map_err(UsageError)
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};
    use super::*;
    use clap::Parser as _;

    fn args(words: &str) -> ControlArgs {
        let words = format!("frame-subscriber control door {words}");
        let Some(Command::Control(args)) = Cli::try_parse_from(words.split_whitespace())
            .unwrap()
            .command
        else {
            panic!("not control");
        };
        *args
    }

    #[test]
    fn each_command_is_a_request_wherever_the_options_stand() {
        for (words, json) in [
            ("pause", r#"{"command":"pause"}"#),
            ("--json status --timeout 1s", r#"{"command":"status"}"#),
            ("snapshot --out x.jpg", r#"{"command":"snapshot"}"#),
            ("fps 7.5", r#"{"command":"fps","fps":7.5}"#),
            (
                "resolution 640x480",
                r#"{"command":"resolution","size":"640x480"}"#,
            ),
            (
                "set b=-1 a=2 --json",
                r#"{"command":"set","controls":{"b":-1,"a":2}}"#,
            ),
        ] {
            let request = args(words).request().unwrap();
            assert_eq!(String::from_utf8(request.to_json()).unwrap(), json);
        }
    }

    #[test]
    fn what_no_camera_would_do_is_refused_at_once() {
        for words in [
            "reboot",
            "pause now",
            "fps",
            "fps many",
            "fps 0",
            "fps nan",
            "resolution 1x1",
            "set",
            "set gain",
            "set gain=high",
            "set gain=1 gain=2",
            "status --out x.jpg",
            "pause --protocol 3.1.1",
        ] {
            let refusal = args(words).request().unwrap_err().to_string();
            assert!(!refusal.contains("invalid type"), "{words}: {refusal}");
        }
    }

    #[test]
    fn answers_come_under_the_users_name_or_one_of_their_own() {
        assert_eq!(args("pause --username ali").consumer().as_str(), "ali");
        assert_eq!(
            args("pause --consumer bo --username ali")
                .consumer()
                .as_str(),
            "bo"
        );
        let own = args("pause").consumer();
        assert!(own.as_str().starts_with("control-"));
        assert_ne!(own, args("pause").consumer());
    }
}
