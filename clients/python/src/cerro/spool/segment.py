"""One file of a log: where its records stand."""

import bisect
import os
import re
import struct

import msgpack

from ..checksum import crc32c
from ..records import DECLARATION, HEAD_BYTES, LOSS, MAGIC, MOST_PAYLOAD_BYTES, peek

#: Bytes between two places that are remembered: what a fetch reads in vain.
STRIDE = 64 << 10
_NAME = re.compile(r"(\d{19})-(\d{12})\.log\Z")
_HEAD = struct.Struct("<4sII")


def name_of(epoch, first):
    """The name of the file."""
    return f"{epoch:019}-{first:012}.log"


def parse(name):
    """Epoch and first position in a file's name, None for other files."""
    match = _NAME.match(name)
    return (int(match.group(1)), int(match.group(2))) if match else None


class Segment:
    """Records of one epoch from `first` on; `limit` is that of the next segment, which counts."""

    def __init__(self, folder, epoch, first, is_own=False):
        self.path = os.path.join(folder, name_of(epoch, first))
        self.epoch = epoch
        self.first = first
        #: Written by this process: what is read back was checked when it was written.
        self.is_own = is_own
        self.begins_with_declarations = True
        #: Bytes of the file, where good records end, and the position behind them.
        self.byte_count = 0
        self.end = 0
        self.next = first
        #: When its first and its last record were published.
        self.published = None
        #: Loss records in it, `(position, body)`: who drops it tells them once more.
        self.losses = []
        self.is_indexed = is_own
        self.is_damaged = False
        self._positions, self._offsets = [first], [0]

    def note(self, position, end, published):
        """A record now ends at `end`."""
        offset = self.end
        if offset - self._offsets[-1] >= STRIDE:
            self._positions.append(position)
            self._offsets.append(offset)
        self.end = end
        self.next = position + 1
        self.published = (published if self.published is None else self.published[0], published)

    def index(self, is_checked=True):
        """Looks at all of a file that another process wrote."""
        if self.is_indexed:
            return
        self.is_indexed = True
        with open(self.path, "rb") as file:
            data = file.read()
        self.byte_count = len(data)
        for start, end, position, published in records_in(data, self.epoch, is_checked):
            if position < self.next:
                continue
            self.is_damaged = self.is_damaged or position > self.next or start > self.end
            self.end = start
            self.note(position, end, published)
            if peek(data, start + HEAD_BYTES)[0] == LOSS:
                document = msgpack.unpackb(data[start + HEAD_BYTES : end])
                self.losses.append((position, document[5]))
        self.is_damaged = self.is_damaged or self.end < len(data)
        head = peek(data, HEAD_BYTES)
        self.begins_with_declarations = bool(head) and head[0] == DECLARATION and head[3] == 1

    def read(self, after, limit, most_bytes):
        """Whole frames behind `after` and before `limit`, without a hole, and what precedes them.

        Returns `(first, count, bytes, crc, published)`: the checksum of the frame at `after`, None
        where that is not in this file, and when the first of the frames was published.
        """
        self.index()
        place = bisect.bisect_right(self._positions, max(after, self.first)) - 1
        start = self._offsets[place]
        window = most_bytes + 2 * STRIDE
        while True:
            with open(self.path, "rb", buffering=0) as file:
                data = os.pread(file.fileno(), min(window, self.end - start), start)
            is_whole = start + len(data) >= self.end
            found = self._frames(data, after, limit, most_bytes, is_whole)
            if found[1] or is_whole:
                return found
            # The one record that is wanted is longer.
            window += MOST_PAYLOAD_BYTES

    def _frames(self, data, after, limit, most_bytes, is_whole):
        crc, first, count, begin, stop, published = None, 0, 0, 0, 0, None
        for at, end, position, when in records_in(data, self.epoch, not self.is_own, is_whole):
            if position >= limit:
                break
            if position <= after:
                if position == after:
                    crc = _HEAD.unpack_from(data, at)[2]
                continue
            if count == 0:
                first, begin, published = position, at, when
            elif position != first + count or end - begin > most_bytes or at != stop:
                break
            count += 1
            stop = end
        return first, count, data[begin:stop], crc, published

    def published_by(self):
        """When the last record was published, None if there is none."""
        self.index()
        return self.published[1] if self.published else None


def records_in(data, epoch, is_checked, is_whole=True):
    """Records of an epoch in some bytes: `(start, end, position, published)`, in order.

    What is no frame is skipped to the next one; with `is_checked` checksums are compared. Where
    the bytes are not whole, a frame that reaches beyond them is the end.
    """
    offset, length = 0, len(data)
    while offset + HEAD_BYTES <= length:
        magic, size, crc = _HEAD.unpack_from(data, offset)
        end = offset + HEAD_BYTES + size
        is_frame = magic == MAGIC and 1 <= size <= MOST_PAYLOAD_BYTES
        if is_frame and end > length and not (is_whole and is_checked):
            return
        if is_frame and end <= length and (not is_checked or _is_right(data, offset, end, crc)):
            found = peek(data, offset + HEAD_BYTES)
            if found is not None and found[1] == epoch:
                yield offset, end, found[2], found[4]
            offset = end
            continue
        offset = data.find(MAGIC, offset + 1)
        if offset < 0:
            return


def _is_right(data, offset, end, crc):
    return crc32c(data[offset + HEAD_BYTES : end], crc32c(data[offset + 4 : offset + 8])) == crc
