"""The peer that a Python programmer would write: frames as MQTT 5 messages with paho-mqtt, at most 20 of them unacknowledged."""
import socket
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import frames

WINDOW = 20


def main():
    options = frames.sender_arguments(mqtt=True).parse_args()
    pictures = frames.read_footage(options.frames_dir)
    connected, places, failures = threading.Event(), threading.Semaphore(WINDOW), []

    # Callbacks run in paho's thread. Whatever goes wrong there is said by the main one, which it wakes.
    def give_up(reason):
        failures.append(reason)
        connected.set()
        places.release(WINDOW)

    def on_connect(_client, _context, _flags, reason, _properties):
        if reason.is_failure:
            give_up(f"the broker refuses: {reason}")
        connected.set()

    def on_disconnect(_client, _context, _flags, reason, _properties):
        if reason.is_failure:
            give_up(f"the connection is lost: {reason}")

    # With QoS 1 the broker has the frame, with QoS 0 the socket.
    def on_publish(_client, _context, _id, reason, _properties):
        if reason.is_failure:
            give_up(f"the broker refuses a frame: {reason}")
        places.release()

    def take_place():
        places.acquire()
        if failures:
            sys.exit(f"error: {failures[0]}")

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_connect, client.on_disconnect, client.on_publish = on_connect, on_disconnect, on_publish
    client.on_socket_open = lambda _client, _context, opened: opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.connect("127.0.0.1", options.port, clean_start=True)
    client.loop_start()
    connected.wait()

    topic, pace = f"cameras/{options.camera}/frame", frames.Pace(options.fps)
    for nth in range(options.frames):
        take_place()
        properties = Properties(PacketTypes.PUBLISH)
        properties.UserProperty = [("time", str(pace.capture(nth))), ("sequence", str(nth + 1))]
        client.publish(topic, pictures[nth % len(pictures)], qos=options.qos, properties=properties)
    for _ in range(WINDOW):
        take_place()
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    frames.run(main)
