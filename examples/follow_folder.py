"""Follows the folder that frame-subscriber writes into, and takes each frame as soon as it is there.

    frame-subscriber --broker mqtt://192.168.1.10 --out frames --consumer office-pc
    python follow_folder.py frames

A file is whole once it has its name, and then its folder's index.jsonl gets a line: that is what is followed, for it says number and
time, too, and names each frame once.
"""

import argparse
import json
import pathlib
import queue
import sys

import cv2
from motion import Motion
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

INDEX = "index.jsonl"


class Indexes(FileSystemEventHandler):
    """Reads what indexes gain, from where they were at the start."""

    def __init__(self, out, entries):
        self.entries = entries
        self.read_to = {index: index.stat().st_size for index in out.rglob(INDEX)}

    def on_any_event(self, event):
        path = pathlib.Path(event.src_path)
        # Of a new folder nobody hears but that it is there: its index may have lines already.
        self.read((path if event.is_directory else path.parent) / INDEX)

    def read(self, index):
        try:
            with open(index, "rb") as lines:
                lines.seek(self.read_to.get(index, 0))
                for line in lines:
                    if not line.endswith(b"\n"):
                        break  # It is being written; the rest is heard of, too.
                    self.read_to[index] = self.read_to.get(index, 0) + len(line)
                    self.entries.put((index.parent, json.loads(line)))
        except FileNotFoundError:
            pass


def main():
    parser = argparse.ArgumentParser(description="How much changes in each frame that is stored from now on")
    parser.add_argument("out", type=pathlib.Path, help="frame-subscriber's --out")
    parser.add_argument("--frames", type=int, help="end after so many")
    options = parser.parse_args()
    if not options.out.is_dir():
        raise SystemExit(f"error: {options.out} is no folder: start frame-subscriber first")

    entries = queue.SimpleQueue()
    observer = Observer()
    observer.schedule(Indexes(options.out, entries), str(options.out), recursive=True)
    observer.start()
    print(f"following {options.out}", file=sys.stderr, flush=True)
    motion = Motion()
    seen = 0
    while seen != options.frames:
        folder, entry = entries.get()
        if "quarantined" in entry:
            continue
        image = cv2.imread(str(folder / entry["file"]))
        if image is None:
            continue  # Moved away or deleted already.
        camera = entry["camera"]
        print(f"{camera} {entry.get('time')} {entry.get('sequence', 0)}: {motion.changed(camera, image):.1%} changed", flush=True)
        seen += 1
    observer.stop()
    observer.join()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
