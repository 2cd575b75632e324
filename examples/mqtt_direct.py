"""Takes frames straight from the broker, without a file between: the JPEG is the message, what it is stands in its properties.

    python mqtt_direct.py --broker 192.168.1.10

It sees what is published while it runs. To miss nothing while it is away, or to have files, use frame-subscriber and follow_folder.py.
"""

import argparse

import cv2
import numpy
import paho.mqtt.client as mqtt
from motion import Motion


def main():
    parser = argparse.ArgumentParser(description="How much changes in each frame, straight from the broker")
    parser.add_argument("--broker", default="127.0.0.1", help="host name or address")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--camera", default="+", help="its name, or + for all")
    parser.add_argument("--username")
    parser.add_argument("--password-file", type=argparse.FileType())
    parser.add_argument("--ca-file", help="for TLS: what the broker's certificate is signed with")
    parser.add_argument("--frames", type=int, help="end after so many")
    options = parser.parse_args()

    motion = Motion()
    seen = 0

    def on_connect(client, _userdata, _flags, reason, _properties):
        if reason.is_failure:
            raise SystemExit(f"error: the broker says: {reason}")
        # Again with every connection: the broker forgets who has left.
        client.subscribe(f"cameras/{options.camera}/frames", qos=1)

    def on_message(client, _userdata, message):
        nonlocal seen
        image = cv2.imdecode(numpy.frombuffer(message.payload, numpy.uint8), cv2.IMREAD_COLOR)
        if image is None:
            print(f"{message.topic}: no picture; frame-publisher must use --format binary", flush=True)
            return
        attributes = dict(getattr(message.properties, "UserProperty", []))
        camera = message.topic.split("/")[-2]
        print(f"{camera} {attributes.get('time')} {int(attributes.get('sequence', 0))}: {motion.changed(camera, image):.1%} changed", flush=True)
        seen += 1
        if seen == options.frames:
            client.disconnect()

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_connect, client.on_message = on_connect, on_message
    if options.username:
        client.username_pw_set(options.username, options.password_file.read().strip() if options.password_file else None)
    if options.ca_file:
        client.tls_set(options.ca_file)
    client.connect(options.broker, options.port)
    client.loop_forever()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise SystemExit(f"error: {error}") from error
