"""What the foreign clients share: paho-mqtt receives messages from a frames topic and hands each on."""

import json
import pathlib
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion


def receive(on_frame):
    """Receives `count` messages; `on_frame(message)` returns what is said of each and the picture in it.

    Arguments of the script: port, protocol ("5" or "3.1.1"), count, and the folder where the pictures go.
    """
    port, protocol, count, folder = sys.argv[1:5]
    wanted, seen = int(count), 0
    version = MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=version)
    failures = []

    def on_connect(client, _userdata, _flags, _reason, _properties):
        client.subscribe("cameras/+/frames", qos=1)

    def on_message(client, _userdata, message):
        nonlocal seen
        if seen == wanted:
            return
        seen += 1
        try:
            said, picture = on_frame(message)
            pathlib.Path(folder, f"{seen:04}.jpg").write_bytes(picture)
            print(json.dumps(said), flush=True)
        except Exception as error:  # A callback's exception would end in paho's log, and the test would wait in vain.
            failures.append(error)
            client.disconnect()
        if seen == wanted:
            client.disconnect()

    client.on_connect, client.on_message = on_connect, on_message
    client.connect("127.0.0.1", int(port))
    client.loop_forever()
    if failures:
        raise failures[0]
