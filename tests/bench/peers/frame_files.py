"""Where a receiver's frames end up: OUT/<camera>/<YYYY-MM-DD>/<HH>/<MM>/<YYYYMMDDTHHMMSS.ffffffZ>_<sequence>.jpg, by capture time in UTC.

A file is written under a name of its own and then renamed, so that whoever sees the frame sees all of it. Folders are made when a camera's
minute changes, and not looked for with each frame."""
import os
import time

MICROSECONDS = 1_000_000


def frame_name(captured_microseconds, sequence):
    seconds, fraction = divmod(captured_microseconds, MICROSECONDS)
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(seconds))}.{fraction:06}Z_{sequence:09}.jpg"


class FrameFiles:
    def __init__(self, out):
        self.out, self.stored = out, 0
        # Of each camera the minute that its last frame was of, and that minute's folder.
        self.minutes = {}

    def store(self, camera, captured_microseconds, sequence, jpeg):
        folder, name = self.folder(camera, captured_microseconds), frame_name(captured_microseconds, sequence)
        part = f"{folder}/.{name}.part"
        # Without Python's own buffer, which is of no use to a file that is written at once.
        with open(part, "wb", buffering=0) as file:
            if file.write(jpeg) != len(jpeg):
                raise OSError(f"cannot write all of {part}")
        os.rename(part, f"{folder}/{name}")
        self.stored += 1

    def folder(self, camera, captured_microseconds):
        minute = captured_microseconds // (60 * MICROSECONDS)
        known_minute, folder = self.minutes.get(camera, (None, None))
        if known_minute != minute:
            # A name from the network must not lead out of the folder.
            if not camera or camera.startswith(".") or "/" in camera:
                raise ValueError(f"not the name of a camera: {camera!r}")
            folder = f"{self.out}/{camera}/{time.strftime('%Y-%m-%d/%H/%M', time.gmtime(minute * 60))}"
            os.makedirs(folder, exist_ok=True)
            self.minutes[camera] = minute, folder
        return folder
