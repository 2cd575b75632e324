//! Options that say under which topics a camera is found.

use clap::Args;
use protocol::home_assistant::DISCOVERY_PREFIX;
use protocol::topic::TopicPrefix;

/// What stands before a camera's name.
#[derive(Debug, Args)]
pub(crate) struct TopicArgs {
    /// First level, or levels, of every camera topic
    #[arg(
        long,
        env = "FRAMEBRIDGE_TOPIC_PREFIX",
        value_name = "PREFIX",
        default_value = "cameras"
    )]
    pub(crate) topic_prefix: TopicPrefix,

    /// Home Assistant's discovery prefix. Another one needs a rule of its own: our access list, and a broker inside
    /// frame-subscriber, let cameras write below `homeassistant` alone
    #[arg(
        long,
        env = "FRAMEBRIDGE_HOME_ASSISTANT_PREFIX",
        value_name = "PREFIX",
        default_value = DISCOVERY_PREFIX
    )]
    pub(crate) home_assistant_prefix: TopicPrefix,
}
