"""Frames with imagezmq, as its documentation shows it: recv_jpg(), and with reqrep a reply to each.

reqrep: listens. The file is written before the reply, which is the order of imagezmq's examples (receive, use the image, reply): so the
        sender knows at the reply that the frame is on disk, as it knows with an acknowledgement.
pubsub: connects to the sender, and tries until that one listens. Ready therefore means that it is trying: the sender sends nothing before
        a receiver has connected. Frames that were lost on the way are not on disk, and the sender's end marker ends it."""
import imagezmq

import frames
from frame_files import FrameFiles

END = "end"


def main():
    arguments = frames.receiver_arguments()
    arguments.add_argument("--mode", choices=("reqrep", "pubsub"), default="reqrep")
    options = arguments.parse_args()
    frame_files = FrameFiles(options.out)
    is_pubsub = options.mode == "pubsub"
    with imagezmq.ImageHub(f"tcp://127.0.0.1:{options.port}", REQ_REP=not is_pubsub) as hub:
        print("ready", flush=True)
        while frame_files.stored < options.frames:
            text, jpeg = hub.recv_jpg()
            if text == END:
                break
            camera, captured_microseconds, sequence = text.split(" ")
            frame_files.store(camera, int(captured_microseconds), int(sequence), jpeg)
            if not is_pubsub:
                hub.send_reply(b"OK")


if __name__ == "__main__":
    frames.run(main)
