"""The small files of a spool: lines of words in one frame, replaced in one step."""

import os
from typing import NamedTuple, Optional

from ..records import Frame, frame_of, frames

EPOCHS, COMMITS, STARTS = "epoch", "commits", "starts"
_HEADLINE = "cerro log"
#: Bytes of a small file that are read.
_MOST_BYTES = 1 << 20


class Epoch(NamedTuple):
    """An epoch whose records may be in the folder.

    `boot` is the machine's at that time; `last` the last position of one that was closed.
    """

    number: int
    boot: str
    is_closed: bool = False
    last: Optional[int] = None

    @property
    def line(self):
        """Its line in the tables."""
        last = "" if self.last is None else f" {self.last}"
        return f"{self.number} {self.boot} {'closed' if self.is_closed else 'open'}{last}"


def read_epochs(folder, name=EPOCHS):
    """The epochs in a table, none where there is no good one."""
    found = []
    for words in _lines(os.path.join(folder, name)):
        if len(words) >= 3 and words[0].isdigit():
            last = int(words[3]) if len(words) > 3 and words[3].isdigit() else None
            found.append(Epoch(int(words[0]), words[1], words[2] == "closed", last))
    return found


def read_commits(folder):
    """How far each archive has committed: `{id: (epoch, position)}`."""
    return {
        words[0]: (int(words[1]), int(words[2]))
        for words in _lines(os.path.join(folder, COMMITS))
        if len(words) == 3 and words[1].isdigit() and words[2].isdigit()
    }


def write(folder, name, lines):
    """Puts lines into a small file, so that it survives a power cut as it was or as it is."""
    text = "".join(f"{line}\n" for line in [_HEADLINE, *lines]).encode()
    path = os.path.join(folder, name)
    beside = path + ".new"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        write_all(descriptor, frame_of(text))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(beside, path)
    sync_folder(folder)


def write_commits(folder, commits):
    """Writes how far each archive has committed."""
    lines = [f"{archive} {epoch} {last}" for archive, (epoch, last) in sorted(commits.items())]
    write(folder, COMMITS, lines)


def write_all(descriptor, data):
    """Writes all bytes, in as many calls as it takes."""
    view = memoryview(data)
    while len(view):
        view = view[os.write(descriptor, view):]


def sync_folder(folder):
    """fsync(2) of a folder: its entries survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lines(path):
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return []
    first = next(frames(data, decode=False), None)
    if not isinstance(first, Frame):
        return []
    return [line.split() for line in bytes(first.document).decode(errors="replace").splitlines()]
