"""Frames with imagezmq, as its documentation shows it: send_jpg() with a text that says which frame it is.

reqrep: connects to the receiver, and waits after each frame for its reply.
pubsub: imagezmq's PUB end is the one that listens, so there can be one sender on a port. ZeroMQ drops what is sent before somebody
        listens, and what does not fit into its queue of 1,000 messages: hence the wait before the first frame and an end marker after
        the last that is repeated until the receivers are gone."""
import time

import imagezmq
import zmq
from zmq.utils.monitor import recv_monitor_message

import frames

END = "end"
# From a connection to its subscription, which is on its way; and for further receivers, which try to connect every 0.1 s.
SUBSCRIBING_SECONDS = 0.5
MARKER_SECONDS = 0.05
PATIENCE_SECONDS = 20


class Receivers:
    """How many there are, as told by ZeroMQ's own watch over the socket."""

    def __init__(self, sender):
        self.events = sender.zmq_socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        self.connected = 0

    def look(self, seconds):
        """Waits for news for at most so long."""
        if self.events.poll(seconds * 1000):
            came = recv_monitor_message(self.events)["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self.connected += 1 if came else -1

    def wait_for_first(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.connected:
            self.look(0.1)
            if time.monotonic() > deadline:
                raise TimeoutError("no receiver came")
        time.sleep(SUBSCRIBING_SECONDS)

    def send_to_end(self, sender):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.connected and time.monotonic() < deadline:
            sender.send_jpg(END, b"")
            self.look(MARKER_SECONDS)


def main():
    arguments = frames.sender_arguments()
    arguments.add_argument("--mode", choices=("reqrep", "pubsub"), default="reqrep")
    options = arguments.parse_args()
    pictures = frames.read_footage(options.frames_dir)
    is_pubsub = options.mode == "pubsub"
    sender = imagezmq.ImageSender(f"tcp://127.0.0.1:{options.port}", REQ_REP=not is_pubsub)
    if is_pubsub:
        receivers = Receivers(sender)
        receivers.wait_for_first()
    pace = frames.Pace(options.fps)
    for nth in range(options.frames):
        sender.send_jpg(f"{options.camera} {pace.capture(nth)} {nth + 1}", pictures[nth % len(pictures)])
    # Nothing is left to go out, so the socket needs no close(), which at SIGTERM would wait for a receiver that may never come.
    if is_pubsub:
        receivers.send_to_end(sender)


if __name__ == "__main__":
    frames.run(main)
