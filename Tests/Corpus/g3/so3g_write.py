"""Writes housekeeping files with so3g, and prints what it put into them.

  python so3g_write.py FOLDER

One file for each schema version and one with every type, then a line for each field and frame:
address.field, type, then time:value of each sample, in ticks of 10 ns and bits.
"""
import math
import os
import struct
import sys

from so3g import hk
from spt3g import core

START = 1_700_000_000
folder = sys.argv[1]


def bits(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, str):
        return "'" + value.encode().hex()
    return str(value)


def line(address, field, kind, times, values):
    print(f"{address}.{field}", kind, *(f"{t}:{bits(v)}" for t, v in zip(times, values)))


def writer(version, path, start, descriptions):
    session = hk.HKSessionHelper(description="HK data", hkagg_version=version)
    session.start_time = start
    ids = [session.add_provider(description) for description in descriptions]
    place = os.path.join(folder, str(start)[:5])
    os.makedirs(place, exist_ok=True)
    out = core.G3Writer(os.path.join(place, path))
    out.Process(session.session_frame())
    out.Process(session.status_frame(timestamp=start))
    return session, out, ids


VECTORS = {
    "double": (core.G3VectorDouble, float),
    "int": (core.G3VectorInt, int),
    "bool": (core.G3VectorBool, bool),
    "string": (core.G3VectorString, str),
}


def block(times, fields):
    made = core.G3TimesampleMap()
    made.times = core.G3VectorTime([core.G3Time(t) for t in times])
    for name, (kind, values) in fields.items():
        made[name] = VECTORS[kind][0](values)
    return made


def version_2():
    address = "observatory.cryo-1.feeds.temperatures"
    other = "observatory.gauge.feeds.pressure"
    session, out, ids = writer(2, f"{START}.g3", START, [address, other])
    for frame in range(3):
        start = START + 10 * frame
        times = [(start + i) * 100_000_000 + 7 * i for i in range(4)]
        nan = struct.unpack(">d", bytes.fromhex("7ff8000000000abc"))[0]
        fields = {
            "T": ("double", [0.1 + frame, -0.0, math.inf, nan]),
            "small": ("int", [frame, -1, 127, -128]),
            "middle": ("int", [frame, -32768, 32767, 0]),
            "large": ("int", [frame, -(2**31), 2**31 - 1, 0]),
            "largest": ("int", [frame, -(2**63), 2**63 - 1, 0]),
            "ok": ("bool", [True, False, frame == 1, True]),
            "state": ("string", ["", "idle", "Å 🔭", "x" * 300]),
            # An agent that publishes 0 instead of 0.0 makes a frame of integers.
            "mixed": ("int", [1, 2, 3, 4]) if frame == 0 else ("double", [0.5, 1.5, 2.5, 1e300]),
        }
        data = session.data_frame(prov_id=ids[0], timestamp=start + 5)
        data["address"] = address
        data["provider_session_id"] = "1699999999.5"
        data["blocks"].append(block(times, fields))
        data["block_names"].append("main")
        # A second block of the same feed, with times of its own.
        late = [t + 50_000_000 for t in times[:2]]
        data["blocks"].append(block(late, {"heater": ("double", [1.0, 2.0])}))
        data["block_names"].append("heaters")
        out.Process(data)
        for name, (kind, values) in fields.items():
            line(address, name, kind, times, values)
        line(address, "heater", "double", late, [1.0, 2.0])

        data = session.data_frame(prov_id=ids[1], timestamp=start + 6)
        data["blocks"].append(block(times, {"p": ("double", [1e-6] * 4)}))
        data["block_names"].append("p")
        out.Process(data)
        line(other, "p", "double", times, [1e-6] * 4)
    out.Process(core.G3Frame(core.G3FrameType.EndProcessing))


def version_1():
    address = "observatory.old-1.feeds.temperatures"
    session, out, ids = writer(1, f"{START + 3600}.g3", START + 3600, [address])
    times = [(START + 3600 + i) * 100_000_000 for i in range(5)]
    data = session.data_frame(prov_id=ids[0], timestamp=START + 3601)
    data["blocks"].append(block(times, {"T": ("double", [4.25] * 5), "n": ("int", [1] * 5)}))
    out.Process(data)
    line(address, "T", "double", times, [4.25] * 5)
    line(address, "n", "int", times, [1] * 5)
    out.Process(core.G3Frame(core.G3FrameType.EndProcessing))


def version_0():
    address = "observatory.oldest.feeds.temperatures"
    session, out, ids = writer(0, f"{START + 7200}.g3", START + 7200, [address])
    times = [START + 7200 + i + 0.125 for i in range(5)]
    data = session.data_frame(prov_id=ids[0], timestamp=START + 7201)
    old = hk.HKBlockDouble() if hasattr(hk, "HKBlockDouble") else __import__("so3g").IrregBlockDouble()
    old.prefix = "prefix_"
    old.t = core.G3VectorDouble(times)
    old.data["T"] = core.G3VectorDouble([0.5, 1.5, 2.5, 3.5, math.inf])
    data["blocks"].append(old)
    out.Process(data)
    ticks = [int(t * 1e8) for t in times]
    line(address, "T", "double", ticks, [0.5, 1.5, 2.5, 3.5, math.inf])
    out.Process(core.G3Frame(core.G3FrameType.EndProcessing))


version_2()
version_1()
version_0()
