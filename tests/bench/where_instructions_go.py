"""From callgrind's output to named groups that a reader understands. Knows nothing of how the programs were run.

A function that the compiler put into another one counts where it was put: the optimised program knows only the outer name.
Generic code of the standard library counts for the crate that its name mentions, `Vec<T>::clone` and its like for nobody.
"""
import collections
import re

COPYING = "copying and clearing memory"

# The first pattern that a function's name matches decides. What is in libc comes first, then what only its name tells.
LIBC_GROUPS = [
    (COPYING, r"__mem(cpy|move|set|pcpy)_"),
    ("allocation", r"alloc|free|_int_|unlink_chunk|sysmalloc|systrim|arena|tcache|brk|memalign"),
]
GROUPS = [
    ("checksum (CRC-32C)", r"\bcrc32c::"),
    ("JPEG: split, check, repair", r"\bprotocol::jpeg\b|\bmemchr::"),
    ("base64", r"\bbase64::"),
    ("JSON", r"\bserde(_json|_core)?::"),
    ("names, events, receipts (protocol)", r"\bprotocol::|\buuid::"),
    ("capture (publisher)", r"\bpublisher::(capture|source)"),
    ("queue and spool (publisher)", r"\bpublisher::(parcel|outbox|queue|custody|depot|spool)"),
    ("delivery (publisher)", r"\bpublisher::"),
    ("receiving (subscriber)", r"\bsubscriber::receive"),
    ("file, index, ledger (subscriber)", r"\bsubscriber::"),
    ("connection (link)", r"\blink::"),
    ("figures, deadlines (runtime)", r"(?<!::)\bruntime::|\bhdrhistogram::"),
    ("MQTT (rumqttc, bytes)", r"\b(rumqttc|bytes)::"),
    ("tokio, channels, clock", r"\b(tokio\w*|mio|flume|futures\w*|socket2)::|\bstd::(sync|thread|time|sys::(sync|time|pal|thread\w*))\b"),
    ("logging", r"\b(tracing\w*|log)::"),
    ("paths and files (std)", r"\bstd::(path|fs|io|ffi|os|sys::(fs|fd|path|io|process))\b|\bstd::sys::helpers\b|CStr"),
    ("hashing", r"\b(core|std)::hash\b|\bhashbrown::|sip::"),
    ("allocation", r"raw_vec|__rust_|__rdl_|\balloc::alloc\b|RawVec|drop_in_place|alloc::sync::Arc|Vec<.*Clone>::clone"),
    ("text, numbers, time", r"\bjiff\w*::|\b(core|alloc|std)::(fmt|str|string|char|num)\b|from_ascii_radix|\b(itoa|zmij|ryu)::"),
]
SYSTEM_LIBRARIES = "C library and loader, the rest"
REST = "the rest"


def self_cost(text):
    """Instructions by (object, function), without what each calls, from the words of a callgrind.out file."""
    names = {"ob": {}, "fn": {}}
    counted = collections.Counter()
    now = {"ob": "", "fn": ""}
    of_a_call = False

    def resolve(kind, word):
        number, _, name = re.fullmatch(r"(\(\d+\))( (.*))?", word).group(1, 2, 3)
        return names[kind].setdefault(number, name)

    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            if not of_a_call:
                counted[now["ob"], now["fn"]] += int(line.split()[1])
            of_a_call = False
        elif equals and key in now:
            now[key] = resolve(key, value)
        elif equals and key in ("cob", "cfn"):
            resolve(key[1:], value)
        elif key == "calls":
            of_a_call = True
    return counted


def group_of(library, function):
    for name, pattern in LIBC_GROUPS if library else GROUPS:
        if re.search(pattern, function):
            return name
    return SYSTEM_LIBRARIES if library else REST


def by_group(counted):
    """Instructions by group."""
    groups = collections.Counter()
    for (program, function), instructions in counted.items():
        groups[group_of(".so" in program, function)] += instructions
    return groups
