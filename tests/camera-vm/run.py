"""Runs the checks of tests/camera.rs in a virtual machine with Linux's real driver of USB cameras, and judges them.

run.py [WORD]: with a word, only the checks that have it in their names. Called by `make test-camera` after the release build.
It needs neither root nor KVM nor a camera.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import image
import machine

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = ROOT / "target/test-tools"
# The checks take a minute, on a busy host four.
DEADLINE_SECONDS = 900
MEMORY_MB = 768
# An emulated processor that takes two nanoseconds an instruction by the machine's own clocks, however long it takes here: on a
# busy host the machine is slower for us, and loses no frame. While it waits, its clocks leap to what it waits for.
PACE = ["-accel", "tcg,thread=single", "-icount", "shift=1,sleep=off", "-rtc", "clock=vm"]
KERNEL = "console=ttyS0 panic=-1 quiet mitigations=off"
# From the kernel (a fault that it survives, or does not) and from our programs.
PANIC = re.compile(r"Kernel panic|BUG:|Oops:|Call Trace:|general protection|panicked at")


def main():
    words = sys.argv[1:]
    start = time.monotonic()
    parts = machine.prepare(TOOLS / "camera-vm")
    programs = {name: ROOT / "target/release" / name for name in ("frame-publisher", "frame-subscriber")} | built()
    checks = subprocess.run([programs["camera"], "--list"], check=True, capture_output=True, text=True).stdout.split()
    checks = [check for check in checks if all(word in check for word in words)]
    if not checks:
        sys.exit(f"error: no check has {words[0]!r} in its name")
    with tempfile.TemporaryDirectory() as scratch:
        initramfs = pathlib.Path(scratch) / "initramfs"
        build(initramfs, parts, programs)
        log, faults = boot(parts, initramfs, words)
    faults += judge(log, checks)
    if faults:
        print("\n--- the machine said ---", *log, sep="\n")
        print(*(f"error: {fault}" for fault in faults), sep="\n", file=sys.stderr)
    else:
        print(f"All {len(checks)} checks with the real driver passed in {time.monotonic() - start:.0f} seconds.")
    sys.exit(bool(faults))


def built():
    """The checks and the webcam, built; cargo says where they are."""
    command = ["cargo", "build", "--locked", "--package", "tests", "--test", "camera", "--package", "webcam", "--bin", "webcam",
               "--message-format", "json-render-diagnostics"]
    messages = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    programs = {}
    for message in map(json.loads, messages):
        if message.get("executable") and message["target"]["name"] in ("camera", "webcam"):
            programs[message["target"]["name"]] = message["executable"]
    return programs


def build(target, parts, programs):
    files = image.Image()
    for folder in ("proc", "sys", "dev", "tmp"):
        files.folder(f"/{folder}")
    files.file("/init", (HERE / "init").read_bytes(), 0o755)
    files.file("/etc/passwd", b"root:x:0:0::/:/bin/sh\n")
    files.file("/etc/group", b"root:x:0:\n")
    files.program("/bin/busybox", parts.busybox)
    for name, program in programs.items():
        files.program(f"/bin/{name}", program)
    for tool in ("mosquitto", "setpriv"):
        files.program(f"/bin/{tool}", shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin"))
    for module in parts.modules():
        files.file(f"/modules/{module.name}", module.read_bytes())
    for number, frame in enumerate(frames(TOOLS / "footage/bigbuckbunny.mjpeg")):
        files.file(f"/footage/{number:03}.jpg", frame)
    files.write(target)


def frames(footage):
    """Where a frame begins and ends is ffprobe's word, not ours."""
    sizes = subprocess.run(
        ["ffprobe", "-loglevel", "error", "-f", "mjpeg", "-show_entries", "packet=size", "-of", "csv=print_section=0", footage],
        check=True, capture_output=True, text=True).stdout
    with open(footage, "rb") as stream:
        for size in sizes.split():
            yield stream.read(int(size.strip(",")))


def boot(parts, initramfs, words):
    """Runs the machine to its end, and prints each verdict and figure as it comes. Returns all that it said, and what went wrong."""
    program, environment = parts.qemu()
    command = [
        # It does not outlive us, however we end.
        "setpriv", "--pdeathsig", "KILL", *program, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
        "-cpu", "max", "-smp", "1", "-m", str(MEMORY_MB), *PACE,
        "-kernel", parts.kernel, "-initrd", initramfs, "-append", " ".join([KERNEL, "--", *words]),
    ]
    log = []
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as qemu:
        signal.signal(signal.SIGALRM, lambda *_: qemu.kill())
        signal.alarm(DEADLINE_SECONDS)
        try:
            for line in qemu.stdout:
                log.append(line.decode(errors="replace").rstrip())
                if re.match(r"PASS |FAIL |FIGURE ", log[-1]):
                    print(log[-1], flush=True)
        finally:
            signal.alarm(0)
            qemu.kill()
    return log, [f"the machine was killed after {DEADLINE_SECONDS} s"] if qemu.returncode == -signal.SIGKILL else []


def judge(log, checks):
    faults = [line for line in log if line.startswith("FAIL ") or PANIC.search(line)]
    for check in checks:
        if not any(line.startswith(f"PASS {check} (") for line in log):
            faults.append(f"{check} did not pass")
    if "CHECKS ENDED WITH 0" not in log:
        faults.append("the checks did not come to their end")
    return faults


if __name__ == "__main__":
    main()
