"""What the peers in Python are told on their command line, what a sender sends, and when."""
import argparse
import pathlib
import signal
import sys
import time


class Arguments(argparse.ArgumentParser):
    """Says in one line what it does not understand."""

    def error(self, message):
        sys.exit(f"error: {message}")


def sender_arguments(mqtt=False):
    arguments = Arguments(description="Sends pictures as the frames of a camera.")
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--frames-dir", type=pathlib.Path, required=True, help="folder of *.jpg, sent in order and over again")
    arguments.add_argument("--frames", type=int, required=True)
    arguments.add_argument("--fps", type=float, default=0, help="0: as fast as it goes")
    arguments.add_argument("--camera", required=True)
    if mqtt:
        arguments.add_argument("--qos", type=int, choices=(0, 1), default=1)
    return arguments


def receiver_arguments(mqtt=False):
    arguments = Arguments(description="Stores frames as files.")
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--frames", type=int, required=True, help="of all cameras together")
    if mqtt:
        arguments.add_argument("--qos", type=int, choices=(0, 1), default=1)
    return arguments


def read_footage(folder):
    """All pictures, in memory before the first is due: reading them is no part of what is measured."""
    pictures = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    if not pictures:
        sys.exit(f"error: no pictures in {folder}")
    return pictures


class Pace:
    """When frames are due: at start + nth / fps, so that a late one does not push the others back."""

    def __init__(self, fps):
        self.fps, self.start = fps, time.monotonic()

    def capture(self, nth):
        """Sleeps until the frame is due, counted from 0, and gives its capture time: the wall clock in microseconds since 1970, UTC."""
        if self.fps:
            time.sleep(max(0, self.start + nth / self.fps - time.monotonic()))
        return time.time_ns() // 1000


def run(main):
    """Ends with 0 at SIGTERM, wherever the program is, and says in one line on stderr what went wrong."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        main()
    except Exception as error:
        sys.exit(f"error: {error}")
