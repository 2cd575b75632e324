"""The brokers by which Home Assistant sees a camera, each with users who may do what their role may, and nothing more.

Each is started with a subscriber that stores frames, and says how its users come in.
"""

import os
import pathlib
import socket
import subprocess
import time

here = pathlib.Path(__file__).resolve().parent
repository = here.parent.parent
programs = repository / "target" / "release"
HOME = "home"
# Also this consumer's name.
CONSUMER = "pc"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


class Mosquitto:
    """With the configuration for a LAN: TLS, and the access list of make-credentials."""

    def __init__(self, stage, folder, camera):
        # Mosquitto gives up root, and must still reach its files.
        folder.chmod(0o755)
        self.port, self.credentials = free_port(), folder / "credentials"
        self.certificate = self.credentials / "ca.crt"
        for words in (["init", "--host", "127.0.0.1"], ["camera", camera], ["consumer", CONSUMER], ["home-assistant", HOME]):
            self.make(*words)
        text = (repository / "broker-config" / "mosquitto.conf").read_text()
        for shipped, ours in (
            ("/etc/mosquitto/framebridge", str(self.credentials)),
            ("/var/lib/mosquitto/", f"{folder}/"),
            ("listener 8883\n", f"listener {self.port} 127.0.0.1\n"),
        ):
            text = text.replace(shipped, ours)
        configuration = folder / "mosquitto.conf"
        configuration.write_text(text)
        stage.start("mosquitto", "-c", configuration, stderr=subprocess.DEVNULL)
        wait_for(self.port)
        self.stored = folder / "frames"
        stage.start(
            programs / "frame-subscriber", *self.user(CONSUMER), "--consumer", CONSUMER, "--out", self.stored, stderr=subprocess.DEVNULL
        )

    def make(self, *words):
        environment = os.environ | {"FRAMEBRIDGE_CREDENTIALS": str(self.credentials)}
        command = [repository / "broker-config" / "make-credentials", *words]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

    def user(self, name):
        """Options of our programs for the user `name`."""
        words = ["--broker", f"mqtts://127.0.0.1:{self.port}", "--username", name]
        return [*words, "--password-file", self.credentials / f"{name}.password", "--ca-file", self.certificate]

    def for_home_assistant(self):
        """What somebody enters in the settings of its MQTT integration."""
        password = (self.credentials / f"{HOME}.password").read_text().strip()
        entered = {"broker": "127.0.0.1", "port": self.port, "protocol": "5", "username": HOME, "password": password}
        return entered | {"certificate": self.certificate.read_text()}


class Inside:
    """The one inside frame-subscriber."""

    def __init__(self, stage, folder, camera):
        self.port, self.folder, self.stored = free_port(), folder, folder / "frames"
        users = folder / "users.txt"
        for words in (["add-camera", camera], ["add-home-assistant", HOME]):
            command = [programs / "frame-subscriber", "broker", *words, "--broker-users", users]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        words = ["--broker", f"embedded:127.0.0.1:{self.port}", "--broker-users", users, "--consumer", CONSUMER]
        stage.start(programs / "frame-subscriber", *words, "--out", self.stored, stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def user(self, name):
        """Options of our programs for the user `name`."""
        words = ["--broker", f"mqtt://127.0.0.1:{self.port}", "--username", name]
        return [*words, "--password-file", self.folder / f"{name}.password"]

    def for_home_assistant(self):
        """What somebody enters in the settings of its MQTT integration."""
        password = (self.folder / f"{HOME}.password").read_text().strip()
        return {"broker": "127.0.0.1", "port": self.port, "protocol": "5", "username": HOME, "password": password}
