"""The virtual machine's parts out of Debian's packages: qemu, a kernel with its camera driver, and busybox.

Nothing is installed and nobody needs to be root: packages are downloaded and unpacked into a folder, once.
"""
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass

# Linux's driver of USB cameras, and the USB bus at whose other end sits a program.
WANTED = ("uvcvideo", "vhci_hcd")
# Where those and what they need are in the kernel's package; all other drivers stay in it.
DRIVERS = re.compile(r"/kernel/drivers/(?:usb|media)/(?:.+/)?([^/]+)\.ko(\.xz)?$")


@dataclass(frozen=True)
class Machine:
    """Where the parts are."""
    folder: pathlib.Path

    @property
    def kernel(self):
        return self.folder / "vmlinux"

    @property
    def busybox(self):
        return self.folder / "unpacked/bin/busybox"

    def modules(self):
        """The drivers, each after those that it needs."""
        return sorted((self.folder / "modules").iterdir())

    def qemu(self):
        """The command, and the environment in which it finds its libraries."""
        root = self.folder / "unpacked"
        program = root / "usr/bin/qemu-system-x86_64"
        if not program.exists():
            return ["qemu-system-x86_64"], os.environ
        libraries = [root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu"]
        data = [word for name in ("qemu", "seabios") for word in ("-L", str(root / "usr/share" / name))]
        return [str(program), *data], {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, libraries))}


def prepare(folder):
    """Has the parts in `folder`. They are kept until this file changes."""
    this_file = pathlib.Path(__file__).read_text()
    made_from = folder / "made-from"
    if not made_from.exists() or made_from.read_text() != this_file:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "modules").mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=folder) as downloads:
            unpack(pathlib.Path(downloads), folder)
        made_from.write_text(this_file)
    return Machine(folder)


def unpack(downloads, folder):
    kernel, others = package_names()
    apt_get("download", "--quiet=2", kernel, *others, folder=downloads)
    for package in downloads.glob("*.deb"):
        if package.name.startswith("linux-image-"):
            unpack_kernel(package, folder)
        else:
            subprocess.run(["dpkg-deb", "--extract", package, folder / "unpacked"], check=True)


def package_names():
    """The kernel's package, and those of everything else; of qemu only what this system does not have."""
    depends = output("apt-cache", "depends", "linux-image-amd64")
    kernel = re.search(r"Depends: (linux-image-\S+)", depends)
    if not kernel:
        sys.exit("error: apt knows no package linux-image-amd64: this test needs Debian on amd64, and `sudo apt-get update` once")
    plan = output("apt-get", "install", "--simulate", "--no-install-recommends", "qemu-system-x86")
    return kernel[1], ["busybox-static", *re.findall(r"^Inst (\S+)", plan, re.MULTILINE)]


def apt_get(*words, folder):
    """A machine's package lists may name packages long gone: they are renewed then."""
    if subprocess.run(["apt-get", *words], cwd=folder, stderr=subprocess.DEVNULL).returncode:
        become = ["sudo", "-n"] if os.geteuid() else []
        subprocess.run([*become, "apt-get", "update", "--quiet=2"], check=True)
        subprocess.run(["apt-get", *words], cwd=folder, check=True)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def unpack_kernel(package, folder):
    drivers = {}
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as unpacking:
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as contents:
            for member in contents:
                driver = DRIVERS.search(member.name)
                if driver:
                    name, compressed = driver.groups()
                    bytes_ = contents.extractfile(member).read()
                    drivers[name.replace("-", "_")] = lzma.decompress(bytes_) if compressed else bytes_
                elif member.name.startswith("./boot/vmlinuz-"):
                    (folder / "vmlinux").write_bytes(uncompressed(contents.extractfile(member).read()))
    for number, name in enumerate(in_order(drivers)):
        (folder / "modules" / f"{number:02}-{name}.ko").write_bytes(drivers[name])


def in_order(drivers):
    """The names of the drivers that are wanted and of what they need, each after what it needs itself."""
    order = []

    def add(name):
        if name not in order:
            for needed in filter(None, re.search(rb"\0depends=([^\0]*)\0", drivers[name])[1].decode().split(",")):
                add(needed.replace("-", "_"))
            order.append(name)

    for name in WANTED:
        add(name)
    return order


def uncompressed(bzimage):
    """The kernel inside a bzImage, which starts in half the time; the bzImage itself if it is packed in another way."""
    for start in re.finditer(re.escape(b"\xfd7zXZ\0"), bzimage):
        try:
            kernel = lzma.LZMADecompressor().decompress(bzimage[start.start():])
        except lzma.LZMAError:
            continue
        if kernel.startswith(b"\x7fELF"):
            return kernel
    return bzimage
