"""The peer that a Python programmer would write: paho-mqtt's loop_forever(), which writes each frame in the message callback.

paho acknowledges a message once the callback has returned, so once the file is there."""
import socket
import sys

import paho.mqtt.client as mqtt

import frames
from frame_files import FrameFiles


def main():
    options = frames.receiver_arguments(mqtt=True).parse_args()
    frame_files = FrameFiles(options.out)

    def on_connect(client, _context, _flags, reason, _properties):
        if reason.is_failure:
            sys.exit(f"error: the broker refuses: {reason}")
        client.subscribe("cameras/+/frame", qos=options.qos)

    def on_subscribe(_client, _context, _id, reasons, _properties):
        if reasons[0].is_failure:
            sys.exit(f"error: the broker refuses the subscription: {reasons[0]}")
        print("ready", flush=True)

    def on_message(client, _context, message):
        if frame_files.stored == options.frames:
            return
        stamp = dict(message.properties.UserProperty)
        frame_files.store(message.topic.split("/")[1], int(stamp["time"]), int(stamp["sequence"]), message.payload)
        if frame_files.stored == options.frames:
            client.disconnect()

    # A lost connection would be made anew by loop_forever(), and frames would be missing.
    def on_disconnect(_client, _context, _flags, reason, _properties):
        if reason.is_failure:
            sys.exit(f"error: the connection is lost: {reason}")

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_connect, client.on_subscribe = on_connect, on_subscribe
    client.on_message, client.on_disconnect = on_message, on_disconnect
    client.on_socket_open = lambda _client, _context, opened: opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.connect("127.0.0.1", options.port, clean_start=True)
    client.loop_forever()


if __name__ == "__main__":
    frames.run(main)
