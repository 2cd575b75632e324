#!/usr/bin/env python3
"""Shows a camera to Home Assistant itself: run.py ROOT, a Debian with Home Assistant in it (prepare), as root.

Real publisher, brokers (brokers.py) and subscriber here; in there Home Assistant's core with its MQTT integration (look.py). What it sees must
come to be as the camera comes, is killed, comes back and is forgotten, and its picture must be a frame that was stored, byte for byte.
"""

import base64
import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from brokers import Inside, Mosquitto, here, programs

root = pathlib.Path(sys.argv[1])
# Not a name of another test's camera: `forget` looks for programs of that name on this machine.
CAMERA = "home-assistants-own"
ENTITIES = {"picture", "fps", "delivered", "dropped", "waiting", "spool"}


class Stage(contextlib.ExitStack):
    """Ends what it has started."""

    def start(self, *words, **options):
        program = subprocess.Popen([str(word) for word in words], **options)
        self.callback(program.wait)
        self.callback(program.kill)
        return program


def show_camera_by(kind_of_broker):
    with Stage() as stage:
        folder = pathlib.Path(stage.enter_context(tempfile.TemporaryDirectory()))
        broker = kind_of_broker(stage, folder, CAMERA)

        def camera():
            words = f"--camera {CAMERA} --source test --resolution 320x240 --fps 5 --home-assistant".split()
            words = [*broker.user(CAMERA), *words, "--spool-dir", folder / "spool"]
            return stage.start(programs / "frame-publisher", *words, stderr=subprocess.DEVNULL)

        running = camera()
        shutil.copy(here / "look.py", root / "look.py")
        entered = root / "entered.json"
        entered.write_text(json.dumps(broker.for_home_assistant()))
        stage.callback(entered.unlink)
        words = ["chroot", root, "/home-assistant/bin/python", "/look.py", f"/{entered.name}", CAMERA]
        look = stage.start(*words, stdout=subprocess.PIPE, text=True)

        def sees(what):
            line = look.stdout.readline()
            assert line, f"Home Assistant has ended, and did not see: {what}"
            seen = json.loads(line)
            assert what in seen, f"Home Assistant was to see {what}, and saw {seen}"
            shown = seen[what] if what != "picture" else f"{len(seen[what])} characters of base64"
            print(f"seen: {what}: {shown}", flush=True)
            return seen[what]

        (device,) = sees("devices")
        assert device["name"] == CAMERA and device["model"] == "frame-publisher", device
        assert sees("entities").keys() == ENTITIES
        assert 2 < sees("fps") < 8
        assert sees("delivered") > 0
        assert float(sees("waiting")) >= 0
        picture = base64.b64decode(sees("picture"))
        assert any(path.read_bytes() == picture for path in broker.stored.rglob("*.jpg")), "its picture is no frame that was stored"
        running.kill()
        sees("unavailable")
        running = camera()
        sees("back")
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
        subprocess.run([programs / "frame-publisher", "forget", *broker.user(CAMERA), "--camera", CAMERA], check=True)
        sees("gone")
        assert look.wait(30) == 0


for broker in (Mosquitto, Inside):
    print(f"by the broker: {broker.__doc__}", flush=True)
    show_camera_by(broker)
print("Home Assistant has seen the camera come, go, come back and be forgotten, by each broker.")
