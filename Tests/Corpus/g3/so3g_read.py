"""Reads a tree of housekeeping files with so3g, and prints what it finds.

  python so3g_read.py FOLDER

First what the compliance scanner says of all files, then how many fields and samples load_range
returned (each compared with the frames, bit for bit), then a line for each field and frame as
so3g_write.py has it: address.field, type, then time:value in ticks of 10 ns and bits.
"""
import glob
import os
import struct
import sys

import numpy as np
from so3g import hk
from so3g.hk.getdata import load_range
from spt3g import core

folder = sys.argv[1]
files = sorted(glob.glob(os.path.join(folder, "*", "*.g3")))
assert files, "there is no file"


def bits(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, str):
        return "'" + value.encode().hex()
    return str(value)


KINDS = {
    core.G3VectorDouble: ("double", float),
    core.G3VectorInt: ("int", int),
    core.G3VectorBool: ("bool", bool),
    core.G3VectorString: ("string", str),
}

scanner = hk.HKScanner()
found = {}
lines = []
for path in files:
    second = int(os.path.basename(path)[:-3])
    assert os.path.basename(os.path.dirname(path)) == str(second)[:5], path
    providers = {}
    for frame in core.G3File(path):
        scanner(frame)
        if frame["hkagg_type"] == 1:
            providers = {p["prov_id"].value: p["description"].value for p in frame["providers"]}
        if frame["hkagg_type"] != 2:
            continue
        address = providers[frame["prov_id"]]
        assert address == frame["address"] and len(address.split(".")) == 4
        float(frame["provider_session_id"])
        for block in frame["blocks"]:
            ticks = [t.time for t in block.times]
            for name, vector in block.items():
                kind, cast = KINDS[type(vector)]
                values = [cast(v) for v in vector]
                lines.append(
                    f"{address}.{name} {kind} "
                    + " ".join(f"{t}:{bits(v)}" for t, v in zip(ticks, values))
                )
                entry = found.setdefault(f"{address}.{name}", ([], []))
                entry[0].extend(ticks)
                entry[1].extend(values)

concerns = scanner.stats["concerns"]
print("scanner errors", concerns["n_error"], "warnings", concerns["n_warning"])
first = min(min(t) for t, _ in found.values()) / 1e8 - 1
last = max(max(t) for t, _ in found.values()) / 1e8 + 1
loaded = load_range(first, last, fields=list(found), data_dir=folder)
samples = 0
for name, (ticks, values) in found.items():
    times, read = loaded[name]
    order = np.argsort(np.array(ticks), kind="stable")
    assert len(times) == len(ticks), (name, len(times), len(ticks))
    back = np.argsort(times, kind="stable")
    assert np.abs(times[back] - np.array(ticks)[order] / 1e8).max() < 2e-6, name
    for left, right in zip(back, order):
        value = values[right]
        same = type(value)(read[left]) if not isinstance(value, float) else float(read[left])
        assert bits(same) == bits(value), (name, read[left], value)
    samples += len(ticks)
print("load_range", len(found), "fields", samples, "samples")
for line in lines:
    print(line)
