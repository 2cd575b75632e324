"""How the 2017 script sent its frames: each is a file in memory, and each gets an scp of its own.

That is the SFTP protocol, as scp has spoken since OpenSSH 9; with -O, the one of 2017, 30 frames took half as long again.

The folder OUT/<camera> is made here, since scp makes none; the frame appears in it under its final name while it is still being written."""
import pathlib
import subprocess
import tempfile

import frames
from frame_files import frame_name



def main():
    arguments = frames.sender_arguments()
    arguments.add_argument("--identity", type=pathlib.Path, required=True, help="private key to log in with")
    arguments.add_argument("--known-hosts", type=pathlib.Path, required=True, help="file that has the server's key")
    arguments.add_argument("--scratch", type=pathlib.Path, help="where frames stand until they are sent")
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    options = arguments.parse_args()
    pictures = frames.read_footage(options.frames_dir)
    target = options.out.resolve() / options.camera
    target.mkdir(parents=True, exist_ok=True)
    # Nobody's own settings of ssh, and no questions.
    settings = ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={options.known_hosts}"]
    scp = ["scp", "-q", "-F", "none", "-P", str(options.port), "-i", str(options.identity), *(word for one in settings for word in ("-o", one))]
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        pace = frames.Pace(options.fps)
        for nth in range(options.frames):
            file = pathlib.Path(folder, frame_name(pace.capture(nth), nth + 1))
            file.write_bytes(pictures[nth % len(pictures)])
            subprocess.run([*scp, str(file), f"127.0.0.1:{target}/"], check=True, stdin=subprocess.DEVNULL)
            file.unlink()


if __name__ == "__main__":
    frames.run(main)
