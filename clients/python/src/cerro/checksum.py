"""CRC-32C (Castagnoli), by numpy: many places of the bytes advance in step."""

import numpy as np

_POLYNOMIAL = 0x82F63B78
_LANES = 1024


def _make_table():
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table.astype(np.uint32)


_TABLE = _make_table()
_WORDS = _TABLE.tolist()


def _advance(crc, data):
    for byte in data:
        crc = _WORDS[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc


def _times(matrix, word):
    """The product of a 32 x 32 matrix over GF(2), as 32 columns, and a vector."""
    result = 0
    column = 0
    while word:
        if word & 1:
            result ^= matrix[column]
        word >>= 1
        column += 1
    return result


def _zeros(count):
    """The matrix by which a register changes over `count` bytes of zero."""
    result = [1 << bit for bit in range(32)]
    power = [_WORDS[(1 << bit) & 0xFF] ^ ((1 << bit) >> 8) for bit in range(32)]
    while count:
        if count & 1:
            result = [_times(power, column) for column in result]
        power = [_times(power, column) for column in power]
        count >>= 1
    return result


def crc32c(data, crc=0):
    """The CRC-32C of `data`, going on from `crc` of what stands before it.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    data = memoryview(data).cast("B")
    register = crc ^ 0xFFFFFFFF
    width = len(data) // _LANES
    if width >= 32:
        # Each lane begins with an empty register; a register moves over a lane by a matrix.
        lanes = np.frombuffer(data[: width * _LANES], np.uint8).reshape(_LANES, width)
        steps = np.ascontiguousarray(lanes.T).astype(np.uint32)
        registers = np.zeros(_LANES, np.uint32)
        for step in steps:
            registers = _TABLE[(registers ^ step) & 0xFF] ^ (registers >> np.uint32(8))
        over = _zeros(width)
        for lane in registers.tolist():
            register = _times(over, register) ^ lane
        data = data[width * _LANES :]
    return _advance(register, data) ^ 0xFFFFFFFF
