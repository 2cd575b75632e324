"""The virtual machine's file system: a cpio archive (newc) that the kernel unpacks into memory."""
import pathlib
import re
import stat
import subprocess
import tempfile

# The loader, and libraries by the names under which `ldd` finds them.
LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


class Image:
    """Files, collected and then written at once."""

    def __init__(self):
        self.entries = {}

    def folder(self, path, mode=0o755):
        path = pathlib.PurePosixPath(path)
        if path.parent != path:
            if str(path.parent) not in self.entries:
                self.folder(path.parent)
            self.entries[str(path)] = (stat.S_IFDIR | mode, b"")

    def file(self, path, content, mode=0o644):
        self.folder(pathlib.PurePosixPath(path).parent)
        self.entries[str(path)] = (stat.S_IFREG | mode, content)

    def program(self, path, program):
        """A program without its debug information, and the libraries that it loads."""
        program = pathlib.Path(program)
        with tempfile.NamedTemporaryFile() as stripped:
            subprocess.run(["strip", "-o", stripped.name, program], check=True)
            self.file(path, pathlib.Path(stripped.name).read_bytes(), 0o755)
        for library in LIBRARY.findall(subprocess.run(["ldd", program], capture_output=True, text=True).stdout):
            self.file(library, pathlib.Path(library).read_bytes(), 0o755)

    def write(self, target):
        with open(target, "wb") as archive:
            for number, (path, (mode, content)) in enumerate([*self.entries.items(), ("/TRAILER!!!", (0, b""))]):
                name = path[1:].encode() + b"\0"
                fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
                archive.write(padded(b"070701" + b"".join(b"%08x" % field for field in fields) + name))
                archive.write(padded(content))


def padded(bytes_):
    return bytes_ + b"\0" * (-len(bytes_) % 4)
