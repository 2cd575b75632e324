//! What the broker says of its own limits.

use bytesize::ByteSize;
use runtime::findings::Findings;

use super::{BROKER, Checkup};
use crate::options::{Protocol, SessionKind};
use crate::wire::{Connected, Qos};

/// A picture of foliage in the wind is so many times as large as one of a wall.
const BUSY_SCENE: usize = 3;

/// Enters the limits, each that is too low as a finding of its own.
pub(super) fn judge(
    findings: &mut Findings,
    checkup: &Checkup,
    wanted: SessionKind,
    limits: Connected,
) {
    if checkup.options.protocol == Protocol::V311 {
        findings.ok(BROKER, "its limits are not known: MQTT 3.1.1 tells none");
        return;
    }
    let mut is_enough = true;
    let mut too_low = |says: String| {
        is_enough = false;
        says
    };
    if let (Some(picture), Some(most)) = (checkup.picture_packet, limits.max_packet_bytes) {
        let most_bytes = usize::try_from(most).unwrap_or(usize::MAX);
        let (picture_shown, most) = (ByteSize(picture as u64), ByteSize(most.into()));
        if most_bytes < picture {
            let says = too_low(format!(
                "it takes packets of up to {most}, and the picture taken just now makes one of {picture_shown}: it would be \
                 dropped; in Mosquitto raise max_packet_size"
            ));
            findings.error(BROKER, says);
        } else if most_bytes / BUSY_SCENE < picture {
            let says = too_low(format!(
                "it takes packets of up to {most}; the picture taken just now makes one of {picture_shown}, and a busier scene \
                 may make one that is dropped: in Mosquitto raise max_packet_size"
            ));
            findings.warning(BROKER, says);
        }
    }
    if !limits.takes_qos_1 && checkup.qos == Qos::AtLeastOnce {
        let says = too_low(
            "it takes no acknowledged messages (QoS 1): use --qos 0, or a broker that does".into(),
        );
        findings.error(BROKER, says);
    }
    if !limits.takes_retained {
        let says = too_low(
            "it retains no messages: late joiners see no status and no newest picture".into(),
        );
        findings.warning(BROKER, says);
    }
    if let (SessionKind::Persistent { expiry }, Some(kept)) = (wanted, limits.session_expiry)
        && u64::from(kept) < expiry.as_secs()
    {
        let says = too_low(format!(
            "it keeps frames for a consumer that is away for {kept} s, not for the {} s of --session-expiry; in Mosquitto raise \
             persistent_client_expiration",
            expiry.as_secs()
        ));
        findings.warning(BROKER, says);
    }
    if is_enough {
        findings.ok(BROKER, in_words(limits));
    }
}

fn in_words(limits: Connected) -> String {
    let packets = match limits.max_packet_bytes {
        Some(most) => format!("packets of up to {}", ByteSize(most.into())),
        // Mosquitto does not announce its message_size_limit.
        None => "packets of any size, by its own word".to_owned(),
    };
    // What is not told is 65,535 (MQTT 5 section 3.2.2.3.3).
    let window = limits.receive_maximum.unwrap_or(u16::MAX);
    format!(
        "it takes {packets}, {window} of them unacknowledged; how much it queues for a consumer that is away, no broker tells"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use runtime::findings::Verdict;

    use super::*;
    use crate::options::LinkOptions;

    const GENEROUS: Connected = Connected {
        session_present: false,
        max_packet_bytes: None,
        receive_maximum: Some(20),
        takes_qos_1: true,
        takes_retained: true,
        session_expiry: None,
    };

    const A_DAY: SessionKind = SessionKind::Persistent {
        expiry: Duration::from_hours(24),
    };

    fn checkup() -> Checkup {
        Checkup {
            options: LinkOptions {
                broker: "mqtt://pi".parse().unwrap(),
                tls: None,
                credentials: None,
                protocol: Protocol::V5,
                client_id: String::new(),
                keep_alive: Duration::from_secs(15),
                session: A_DAY,
                will: None,
                window: 8,
                receive_maximum: 8,
                max_packet_bytes: 1000,
            },
            picture_packet: Some(1999),
            qos: Qos::AtLeastOnce,
            harmless: Vec::new(),
            untried: Vec::new(),
            filters: Vec::new(),
            also_heard: Vec::new(),
            listening: Duration::ZERO,
        }
    }

    #[test]
    fn a_generous_broker_is_told_in_one_line() {
        let mut findings = Findings::new(true);
        judge(&mut findings, &checkup(), A_DAY, GENEROUS);
        let [finding] = findings.all() else {
            panic!("one line");
        };
        assert_eq!(finding.verdict, Verdict::Ok);
        assert!(finding.says.contains("20 of them"), "{}", finding.says);
    }

    #[test]
    fn a_picture_that_does_not_fit_is_an_error() {
        let tiny = Connected {
            max_packet_bytes: Some(1998),
            ..GENEROUS
        };
        let mut findings = Findings::new(true);
        judge(&mut findings, &checkup(), A_DAY, tiny);
        assert_eq!(findings.all()[0].verdict, Verdict::Error);
    }

    #[test]
    fn each_limit_that_is_too_low_is_told_with_what_to_do() {
        let tight = Connected {
            max_packet_bytes: Some(2000),
            takes_qos_1: false,
            takes_retained: false,
            session_expiry: Some(60),
            ..GENEROUS
        };
        let mut findings = Findings::new(true);
        judge(&mut findings, &checkup(), A_DAY, tight);
        let told: Vec<_> = findings
            .all()
            .iter()
            .map(|f| (f.verdict, &*f.says))
            .collect();
        for (verdict, words) in [
            (Verdict::Warning, "max_packet_size"),
            (Verdict::Error, "--qos 0"),
            (Verdict::Warning, "retains no messages"),
            (Verdict::Warning, "persistent_client_expiration"),
        ] {
            assert!(
                told.iter()
                    .any(|(v, says)| *v == verdict && says.contains(words)),
                "{words} is not in {told:?}"
            );
        }
        assert_eq!(told.len(), 4);
    }
}
