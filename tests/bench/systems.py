"""Who is measured: for each system, how its senders and its receivers are started for a load."""
import os
import sys
from dataclasses import dataclass, field

from stage import PEERS, PROGRAMS

HERE = os.path.dirname(os.path.abspath(__file__))


@dataclass(frozen=True)
class Load:
    """What all senders together have to bring: frames of a size, at a rate (0: as fast as they can), by so many, to so many."""
    size: str = "120 KB"
    fps: int = 0
    frames: int = 6000
    cameras: int = 1
    subscribers: int = 1

    def pace(self):
        return f"{self.fps} fps" if self.fps else "flat out"

    def words(self):
        return f"{self.size}, {self.pace()}, {self.cameras} to {self.subscribers}"


@dataclass(frozen=True)
class System:
    """A way from camera to file."""
    name: str
    label: str
    has_broker: bool = True
    # Words that a receiver says once frames reach it.
    ready: str = "ready"
    # Whether the receiver's own stamps tell when a file got its name; scp's comes from the file system.
    stamped: bool = True
    # Of the load's frames when flat out: a slow one would take all day.
    share: float = 1.0
    # Whether frames may get lost on the way: they do not count, and nobody waits for them.
    may_lose: bool = False
    options: dict = field(default_factory=dict, hash=False)


OURS = "ours"


def ours(name, label, **options):
    return System(name, label, ready="connected to", may_lose=options.get("qos") == "0", options=options)


SYSTEMS = {system.name: system for system in [
    ours(OURS, "Framebridge (binary, QoS 1)"),
    # A looped file is split once, as the peers read their pictures once; this one reads and checks each anew.
    ours("ours-folder", "Framebridge, every picture read anew", folder=True),
    ours("ours-qos0", "Framebridge, QoS 0", qos="0"),
    ours("ours-json", "Framebridge, json", format="json"),
    ours("ours-json-qos0", "Framebridge, json, QoS 0", format="json", qos="0"),
    ours("ours-tls", "Framebridge, TLS", tls=True),
    ours("ours-json-tls", "Framebridge, json, TLS", format="json", tls=True),
    ours("ours-spool", "Framebridge, spool", spool=True),
    ours("ours-receipts", "Framebridge, spool and receipts", spool=True, receipts=True),
    System("libmosquitto", "libmosquitto (C, QoS 1)", options={"program": "mosquitto", "qos": "1"}),
    System("libmosquitto-qos0", "libmosquitto (C), QoS 0", may_lose=True, options={"program": "mosquitto", "qos": "0"}),
    System("relay", "raw TCP relay (C)", has_broker=False, options={"program": "relay"}),
    System("paho", "paho-mqtt 2 (Python)", share=0.25, options={"program": "paho"}),
    System("imagezmq-reqrep", "imagezmq REQ/REP (Python)", has_broker=False, share=0.2, options={"program": "imagezmq", "mode": "reqrep"}),
    System("imagezmq-pubsub", "imagezmq PUB/SUB (Python)", has_broker=False, share=0.2, may_lose=True, options={"program": "imagezmq", "mode": "pubsub"}),
    System("scp", "one scp a frame", has_broker=False, stamped=False, share=0.004, options={"program": "scp"}),
]}


def start(stage, system, load, frames, footage):
    """Starts what stands between, then the receivers; gives the broker (or relay, or sshd), the receivers, each with its folder, and a function
    that starts the senders."""
    if OURS in system.name.split("-"):
        return start_ours(stage, system, load, frames, footage)
    return start_peer(stage, system, load, frames, footage)


def stamps(stage, nth):
    return {"LD_PRELOAD": str(PEERS / "stamps.so"), "FRAME_STAMPS": str(stage.folder / f"stamps-{nth}")}


def start_ours(stage, system, load, frames, footage):
    options = system.options
    broker = stage.start_broker()
    url = f"mqtts://127.0.0.1:{stage.tls_port}" if options.get("tls") else f"mqtt://127.0.0.1:{stage.port}"
    common = ["--broker", url] + (["--ca-file", stage.secrets / "broker.crt"] if options.get("tls") else [])
    receivers = []
    for nth in range(load.subscribers):
        out = stage.folder / f"out-{nth}"
        command = [PROGRAMS / "frame-subscriber", *common, "--out", out, "--frames", frames * load.cameras]
        if options.get("receipts"):
            command += ["--consumer", f"consumer-{nth}", "--receipts"]
        receivers.append((stage.start("subscriber", command, stamps(stage, nth)), out))
    for receiver, _ in receivers:
        receiver.wait_for_words(system.ready)

    def send():
        senders = []
        for nth in range(load.cameras):
            command = [PROGRAMS / "frame-publisher", *common, "--camera", f"cam{nth}", "--source", footage.folder if options.get("folder") else footage.mjpeg, "--loop",
                       "--fps", load.fps, "--frames", frames, "--qos", options.get("qos", "1"), "--format", options.get("format", "binary")]
            if options.get("spool"):
                command += ["--spool-dir", stage.folder / f"spool-{nth}", "--spool-sync", "none"]
            if options.get("receipts"):
                command += [word for one in range(load.subscribers) for word in ("--confirm", f"consumer-{one}")]
            senders.append(stage.start("publisher", command))
        return senders

    return broker, receivers, send


def start_peer(stage, system, load, frames, footage):
    options, port = system.options, stage.port
    program = options["program"]
    out = stage.folder / "out-0"
    out.mkdir()
    sending = ["--port", port, "--frames-dir", footage.folder, "--frames", frames, "--fps", load.fps]
    if program == "scp":
        return start_scp(stage, sending, out)
    is_python = program in ("paho", "imagezmq")

    def command(role):
        if is_python:
            return [sys.executable, f"{HERE}/peers/{program}_{role}.py"]
        return [PEERS / f"{program}_{role}"]

    extra = ["--mode", options["mode"]] if "mode" in options else ["--qos", options["qos"]] if "qos" in options else []
    between = None
    if system.has_broker:
        between = stage.start_broker()
    elif program == "relay":
        between = stage.start("broker", [PEERS / "relay", "--port", port])
        between.wait_for_words("ready")
    receivers = []
    for nth in range(load.subscribers):
        out = stage.folder / f"out-{nth}"
        out.mkdir(exist_ok=True)
        receiving = [*command("receiver"), "--port", port, "--out", out, "--frames", frames * load.cameras, *extra]
        receivers.append((stage.start("subscriber", receiving, stamps(stage, nth)), out))
    for receiver, _ in receivers:
        receiver.wait_for_words(system.ready)

    def send():
        return [stage.start("publisher", [*command("sender"), *sending, "--camera", f"cam{nth}", *extra]) for nth in range(load.cameras)]

    return between, receivers, send


def start_scp(stage, sending, out):
    sys.path.insert(0, f"{HERE}/peers")
    import loopback_sshd

    (out / "cam0").mkdir()
    child, identity, known_hosts = loopback_sshd.start(stage.folder / "ssh", stage.port)
    daemon = stage.adopt("sshd", child, stage.folder / "ssh/sshd.log")

    def send():
        return [stage.start("publisher", [sys.executable, f"{HERE}/peers/scp_sender.py", *sending, "--camera", "cam0",
                                          "--identity", identity, "--known-hosts", known_hosts, "--out", out,
                                          # In the run's folder, so that it goes with it even if the sender is killed.
                                          "--scratch", stage.folder])]

    return daemon, [(None, out)], send
