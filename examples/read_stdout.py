"""Takes frames from frame-subscriber's standard output, an MJPEG stream.

    frame-subscriber --broker mqtt://192.168.1.10 --camera front-door --stdout | python read_stdout.py

Files are written as well. A program that is too slow misses frames here, and none there.
"""

import argparse
import sys

import av
from motion import Motion


def main():
    parser = argparse.ArgumentParser(description="How much changes in each frame of an MJPEG stream on standard input")
    parser.add_argument("--frames", type=int, help="end after so many")
    options = parser.parse_args()

    motion = Motion()
    seen = 0
    with av.open(sys.stdin.buffer, format="mjpeg") as stream:
        for frame in stream.decode(video=0):
            seen += 1
            image = frame.to_ndarray(format="bgr24")
            print(f"{seen}: {motion.changed('', image):.1%} changed", flush=True)
            if seen == options.frames:
                break
    if not seen:
        raise SystemExit("error: there was no picture on standard input: use frame-subscriber --stdout | python read_stdout.py")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except av.error.InvalidDataError as error:
        raise SystemExit(f"error: standard input is no MJPEG stream: {error}") from error
