//! The broker of a storm: Mosquitto, or the one inside the subscriber.

use std::net::{Ipv4Addr, TcpStream};

use super::super::plan::Plan;
use crate::harness::broker::{Broker, Setup};
use crate::harness::eventually::eventually_true;
use crate::harness::ports::free_port;

pub(super) enum StormBroker {
    Mosquitto(Box<Broker>),
    /// It comes and goes with the subscriber, and remembers nothing.
    Embedded {
        port: u16,
    },
}

impl StormBroker {
    pub(super) fn of(plan: &Plan) -> Self {
        if plan.embeds_broker {
            return Self::Embedded { port: free_port() };
        }
        let autosave = plan.settings.autosave_interval;
        let mosquitto = Setup::default().line(&format!("autosave_interval {autosave}"));
        Self::Mosquitto(Box::new(mosquitto.start()))
    }

    pub(super) fn port(&self) -> u16 {
        match self {
            Self::Mosquitto(broker) => broker.port(),
            Self::Embedded { port } => *port,
        }
    }

    pub(super) fn is_embedded(&self) -> bool {
        matches!(self, Self::Embedded { .. })
    }

    pub(super) fn mosquitto(&mut self) -> Option<&mut Broker> {
        match self {
            Self::Mosquitto(broker) => Some(broker),
            Self::Embedded { .. } => None,
        }
    }

    /// Takes the memory of a broker that is down.
    pub(super) fn forget(&self) {
        if let Self::Mosquitto(broker) = self {
            broker.forget();
        }
    }

    /// What it said in this life, if it is a program of its own.
    pub(super) fn log(&self) -> Option<String> {
        match self {
            Self::Mosquitto(broker) => Some(broker.log()),
            Self::Embedded { .. } => None,
        }
    }

    pub(super) fn await_listener(&self) {
        eventually_true("the broker to listen", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port())).is_ok()
        });
    }
}
