"""Packed integers: groups of 128 values, each with its own prediction and width."""

import numpy as np

_GROUP = 128
_MASK = (1 << 64) - 1


class Truncated(ValueError):
    """The bytes end before what they promise."""


class _Cursor:
    def __init__(self, data):
        self.data = data
        self.offset = 0

    def byte(self):
        if self.offset >= len(self.data):
            raise Truncated("the packed integers are cut off")
        self.offset += 1
        return self.data[self.offset - 1]

    def varint(self):
        """The next zigzag varint, modulo 2^64."""
        word = 0
        for shift in range(0, 64, 7):
            byte = self.byte()
            word |= (byte & 127) << shift
            if byte < 128:
                word &= _MASK
                return (word >> 1) ^ (-(word & 1) & _MASK)
        raise Truncated("a number of more than ten bytes")


def _signed(word):
    return word - (1 << 64) if word >> 63 else word


def _heads(cursor, count):
    """What stands before the residuals of each group: mode, width, base, slope, offset."""
    heads = []
    last_slope = 0
    for first in range(0, count, _GROUP):
        size = min(_GROUP, count - first)
        code = cursor.byte()
        mode, width = code >> 6, code & 63
        width = 64 if width == 63 else width
        base = cursor.varint()
        slope = 0
        if mode == 2:
            last_slope = slope = (last_slope + cursor.varint()) & _MASK
        heads.append((mode, width, base, slope, cursor.offset))
        cursor.offset += (size * width + 7) // 8
        if cursor.offset > len(cursor.data):
            raise Truncated("the packed integers are cut off")
    return np.array(heads, dtype=np.uint64).reshape(-1, 5)


def _residuals(data, heads):
    """The residuals of all groups, 128 of each: those behind the last value mean nothing."""
    padded = np.frombuffer(bytes(data) + bytes(_GROUP * 8 + 16), np.uint8)
    words = np.ndarray((len(padded) - 8,), "<u8", padded, 0, (1,))
    width = heads[:, 1:2]
    bits = heads[:, 4:5] * np.uint64(8) + np.arange(_GROUP, dtype=np.uint64) * width
    places = (bits >> np.uint64(3)).astype(np.int64)
    shifts = bits & np.uint64(7)
    residuals = words[places] >> shifts
    if (width > 57).any():
        high = padded[places + 8].astype(np.uint64) << (np.uint64(63) - shifts) << np.uint64(1)
        residuals |= high
    # A shift by 64 is none: two of them, the first of which may be by 63.
    masks = ~(~np.uint64(0) << np.minimum(width, np.uint64(63)))
    masks[width == 64] = ~np.uint64(0)
    return residuals & masks


def unpack(data, count):
    """The `count` integers that begin `data`, as int64, and how many bytes they take."""
    if count == 0:
        return np.zeros(0, np.int64), 0
    cursor = _Cursor(data)
    factor = cursor.varint()
    if not 1 <= factor <= _MASK >> 1:
        raise Truncated(f"the common factor {_signed(factor)}")
    origin = cursor.varint() if factor > 1 else 0
    heads = _heads(cursor, count)
    mode, base, slope = heads[:, 0:1], heads[:, 2:3], heads[:, 3:4]
    values = _residuals(data, heads) + base
    rows = np.arange(_GROUP, dtype=np.uint64)
    rise = (slope * rows).view(np.int64) >> np.int64(8)
    values = values + np.where(mode == 2, rise, 0).view(np.uint64)
    # What a group adds to its beginning: sums of its differences, and sums of those.
    for modes in ((1, 3), (3,)):
        sums = np.cumsum(values, axis=1, dtype=np.uint64)
        values = np.where(np.isin(mode, modes), sums, values)
    starts, steps = _beginnings(heads, values, count)
    values += starts + steps * (rows + np.uint64(1))
    values = values.reshape(-1)[:count] * np.uint64(factor) + np.uint64(origin)
    return values.view(np.int64), cursor.offset


def _beginnings(heads, values, count):
    """The value before each group, and the difference with which a group of mode 3 begins."""
    lasts = values[:, -1].tolist()
    nexts = values[:, -2].tolist()
    starts, steps = [], []
    last = before = 0
    for index, mode in enumerate(heads[:, 0].tolist()):
        step = (last - before) & _MASK if mode == 3 else 0
        starts.append(last)
        steps.append(step)
        start = last
        # All but the last group are full, and nobody asks where the last one ends.
        last = (start + lasts[index] + step * _GROUP) & _MASK
        before = (start + nexts[index] + step * (_GROUP - 1)) & _MASK
    return np.array([starts], np.uint64).T, np.array([steps], np.uint64).T
