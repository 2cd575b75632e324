//! Which acknowledgement belongs to which publish. Pure.
//!
//! rumqttc takes a publish without saying which packet id it will get. It does take them in order, and reports each id
//! as the packet leaves; so submit order plus departure order gives the pairing.

use std::collections::{HashMap, VecDeque};

use crate::wire::{PublishToken, Qos};

/// Packet id of a QoS 0 publish, by definition of MQTT.
const NO_PACKET_ID: u16 = 0;

/// Publishes on their way, on one connection.
#[derive(Debug, Default)]
pub(crate) struct PacketIds {
    submitted_unacknowledged: VecDeque<PublishToken>,
    submitted_acknowledged: VecDeque<PublishToken>,
    awaiting_ack: HashMap<u16, PublishToken>,
}

impl PacketIds {
    /// `token` was handed to the client.
    pub(crate) fn submitted(&mut self, token: PublishToken, qos: Qos) {
        match qos {
            Qos::AtMostOnce => self.submitted_unacknowledged.push_back(token),
            Qos::AtLeastOnce => self.submitted_acknowledged.push_back(token),
        }
    }

    /// A packet left. Gives the token of a QoS 0 publish, which is thereby settled.
    pub(crate) fn sent(&mut self, packet_id: u16) -> Option<PublishToken> {
        if packet_id == NO_PACKET_ID {
            return self.submitted_unacknowledged.pop_front();
        }
        if let Some(token) = self.submitted_acknowledged.pop_front() {
            self.awaiting_ack.insert(packet_id, token);
        }
        None
    }

    /// The broker acknowledged `packet_id`: gives the publish it belongs to.
    pub(crate) fn acked(&mut self, packet_id: u16) -> Option<PublishToken> {
        self.awaiting_ack.remove(&packet_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ack_settles_the_publish_that_left_with_its_packet_id() {
        let mut ids = PacketIds::default();
        ids.submitted(10, Qos::AtLeastOnce);
        ids.submitted(11, Qos::AtMostOnce);
        ids.submitted(12, Qos::AtLeastOnce);
        assert_eq!(ids.sent(1), None);
        assert_eq!(ids.sent(0), Some(11));
        assert_eq!(ids.sent(2), None);
        assert_eq!(ids.acked(2), Some(12));
        assert_eq!(ids.acked(1), Some(10));
        assert_eq!(ids.acked(1), None);
    }

    #[test]
    fn packet_ids_are_used_again() {
        let mut ids = PacketIds::default();
        for token in 0..100 {
            ids.submitted(token, Qos::AtLeastOnce);
            ids.sent(1);
            assert_eq!(ids.acked(1), Some(token));
        }
    }
}
