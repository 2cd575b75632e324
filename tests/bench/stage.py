"""Where a run takes place: its folder, its ports, the one broker, and the processes with what each of them cost."""
import ctypes
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = REPOSITORY / "target/release"
PEERS = REPOSITORY / "target/bench/peers"
# The broker keeps the memory of one frame for the next, as it is advised.
BROKER_MEMORY = dict(re.findall(r"^Environment=(\w+)=(\d+)$", (REPOSITORY / "broker-config/memory.conf").read_text(), re.MULTILINE))

# The kernel's number for: who has lost his parent becomes our child.
PR_SET_CHILD_SUBREAPER = 36

os.environ["PATH"] += ":/usr/sbin"


class Failed(Exception):
    """A run that gave no figure, and why."""


def free_port():
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


class Cost:
    """CPU seconds and peak memory of a process that is over."""

    def __init__(self, usage, peak_bytes):
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        # Not ru_maxrss: that has the benchmark's own memory in it, from before the program was started.
        self.peak_bytes = peak_bytes


def memory_of(pid, which):
    """Bytes that a process has now (`VmRSS`), or the most that it has had so far (`VmHWM`); 0 if it is over."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(f"{which}:")), 0)


def stat_of(pid):
    """The kernel's fields on a process, from its state on: before it stands the program's name in parentheses, which may have any in it."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


class Process:
    """A child whose cost is taken when it ends."""

    def __init__(self, role, child, log):
        self.role, self.child, self.log, self.cost, self.status = role, child, log, None, None
        self.peak_bytes = 0

    def words(self):
        return pathlib.Path(self.log).read_text(errors="replace")

    def poll(self):
        """Whether it is over."""
        if self.cost is None:
            self.peak_bytes = max(self.peak_bytes, memory_of(self.child.pid, "VmHWM"))
            pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if pid:
                self.cost, self.status = Cost(usage, self.peak_bytes), os.waitstatus_to_exitcode(status)
                self.child.returncode = self.status
        return self.cost is not None

    def wait(self, seconds, beside=()):
        """Waits for its end, and looks at those `beside` it, too: their memory is known only while they run."""
        deadline = time.monotonic() + seconds
        while not self.poll():
            for process in beside:
                process.poll()
            if time.monotonic() > deadline:
                raise Failed(f"{self.role} did not end in {seconds} s: {self.words()[-400:]}")
            time.sleep(0.01)
        if self.status:
            raise Failed(f"{self.role} ended with {self.status}: {self.words()[-400:]}")

    def wait_for_words(self, words, seconds=20):
        deadline = time.monotonic() + seconds
        while words not in self.words():
            if self.poll() or time.monotonic() > deadline:
                raise Failed(f"{self.role} never said {words!r}: {self.words()[-400:]}")
            time.sleep(0.01)

    def end(self, how=signal.SIGTERM, seconds=20):
        if not self.poll():
            self.child.send_signal(how)
            self.wait(seconds)

    def end_after(self, seconds):
        """Ends it unless it ends by itself before."""
        deadline = time.monotonic() + seconds
        while not self.poll() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.end()

    def kill(self):
        if not self.poll():
            self.child.kill()
            while not self.poll():
                time.sleep(0.005)


class Stage:
    """One run's folder and processes. Leaves nothing behind."""

    def __init__(self, work, secrets):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=work))
        self.secrets = secrets
        self.port, self.tls_port = free_port(), free_port()
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
        # What they have started themselves still writes, and a folder that is written to cannot be removed.
        end_children()
        shutil.rmtree(self.folder)

    def start(self, role, command, environment=None):
        log = self.folder / f"{role}-{len(self.processes)}.log"
        with open(log, "ab") as output:
            child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                     env=os.environ | (environment or {}))
        return self.adopt(role, child, log)

    def adopt(self, role, child, log):
        """Takes charge of a child that somebody else has started."""
        process = Process(role, child, log)
        self.processes.append(process)
        return process

    def start_broker(self):
        """Mosquitto as for `make demo`, on these ports, with TLS beside, and with room for a whole run: who sends faster than files
        are written would otherwise lose what the broker has no room for, and give no figure."""
        conf = (REPOSITORY / "broker-config/local.conf").read_text().replace("listener 1883 ", f"listener {self.port} ")
        conf = re.sub(r"^(max_queued_messages|max_queued_bytes) .*$", r"\1 0", conf, flags=re.MULTILINE)
        conf += f"\nlistener {self.tls_port} 127.0.0.1\ncertfile {self.secrets}/broker.crt\nkeyfile {self.secrets}/broker.key\n"
        path = self.folder / "broker.conf"
        path.write_text(conf)
        broker = self.start("broker", ["mosquitto", "-c", path], BROKER_MEMORY)
        deadline = time.monotonic() + 10
        for port in (self.port, self.tls_port):
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if broker.poll() or time.monotonic() > deadline:
                    raise Failed(f"Mosquitto does not listen: {broker.words()[-400:]}")
                time.sleep(0.01)
        return broker


def make_secrets(work):
    """A certificate for 127.0.0.1 that lives as long as the benchmark."""
    folder = pathlib.Path(work) / "secrets"
    folder.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
                    "-keyout", str(folder / "broker.key"), "-out", str(folder / "broker.crt")],
                   check=True, capture_output=True)
    # Started by root, Mosquitto reads it as its own user.
    folder.chmod(0o755)
    (folder / "broker.key").chmod(0o644)
    return folder


def adopt_orphans():
    """From now on `end_children` finds what a killed child leaves running, such as the ssh of an scp."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_children():
    """Kills every process that descends from this one, and waits for its end."""
    while children := [pid for pid, parent in parents() if parent == os.getpid()]:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def parents():
    """Each process with its parent."""
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), int(stat_of(entry.name)[1])
            except OSError:
                pass


def raise_open_files():
    """64 cameras on one broker need more file handles than some systems give."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
