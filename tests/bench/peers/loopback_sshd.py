"""An OpenSSH server for this machine alone, with keys of its own, for scp_sender.py.

It needs openssh-server and openssh-client, which on Debian look for their programs in /usr/sbin, too. Started by root, sshd insists on an
empty folder /run/sshd, which is made if it is missing, and drops to the user sshd, whom the package makes; no service has to run. Who starts it
logs in as himself and with the key alone, so his account must not be locked (a password field that begins with "!": without PAM, sshd
lets nobody in whose does)."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time

PATIENCE_SECONDS = 10
CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
# The folder is a temporary one, whose parents may belong to anybody.
StrictModes no
PrintMotd no
X11Forwarding no
AllowTcpForwarding no
LogLevel ERROR
Subsystem sftp internal-sftp
"""


def start(folder, port):
    """Gives the running server (stop it with terminate()), the key to log in with, and the file that has the server's key."""
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # sshd starts itself anew for each connection, and for that wants its whole path.
    sshd = shutil.which("sshd", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")
    if not sshd:
        raise FileNotFoundError("sshd is missing; to install it, run: sudo apt-get install openssh-server")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / name], check=True, stdin=subprocess.DEVNULL)
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{port} {(folder / 'host_key.pub').read_text()}")
    config = folder / "sshd_config"
    config.write_text(CONFIG.format(port=port, folder=folder))
    with open(folder / "sshd.log", "wb") as log:
        server = subprocess.Popen([sshd, "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not listens(port):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            server.wait()
            raise RuntimeError(f"sshd does not listen: {(folder / 'sshd.log').read_text().strip()}")
        time.sleep(0.02)
    return server, folder / "user_key", known_hosts


@contextlib.contextmanager
def running(folder, port):
    """The same for a `with`: gives the key and the file that has the server's key."""
    server, identity, known_hosts = start(folder, port)
    try:
        yield identity, known_hosts
    finally:
        server.terminate()
        server.wait()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
