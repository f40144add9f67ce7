"""Gives the samples of an archive to what else could hold them, and compares.

    python Benchmarks/peers.py ARCHIVE [--runs 5] [--json]

One line a figure: bytes a value with timestamps, values a second that are written, seconds until one
field over the whole range, and all fields of its first hour, stand in numpy arrays.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "clients/python/src"))
from cerro.archive import ArchiveFolder  # noqa: E402

HOUR = 3_600 * 10**9
FRAME_SECONDS = 60


def timelines(folder):
    """The rows of all timelines that have one declaration, by name."""
    names = {t.name for file in folder.sealed for t in file.timelines}
    found = {}
    for name in sorted(names):
        try:
            rows = folder.read(name)
        except ValueError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if len(rows):
            found[name] = rows
    return found


def value_count(rows):
    """How many values are there."""
    return sum(
        len(c) if c.present is None else int(c.present.sum()) for c in rows.columns.values()
    )


class Parquet:
    """A file for each timeline, as `pandas.to_parquet` would make it, with zstd."""

    name = "Parquet, zstd"

    def __init__(self, folder):
        import pyarrow
        import pyarrow.parquet

        self.folder, self.arrow, self.parquet = Path(folder), pyarrow, pyarrow.parquet

    def _path(self, name):
        return self.folder / f"{name}.parquet"

    def write(self, data):
        for name, rows in data.items():
            arrays = {"time": self.arrow.array(rows.times, self.arrow.timestamp("ns", "UTC"))}
            for field, column in rows.columns.items():
                mask = None if column.present is None else ~column.present
                arrays[field] = self.arrow.array(column.values, mask=mask)
            table = self.arrow.table(arrays)
            self.parquet.write_table(table, self._path(name), compression="zstd")

    def read(self, name, fields, start, end):
        filters = [("time", ">=", np.datetime64(start, "ns")), ("time", "<", np.datetime64(end, "ns"))]
        table = self.parquet.read_table(
            self._path(name), columns=["time", *fields], filters=filters
        )
        return [table["time"].to_numpy()] + [table[field].to_numpy() for field in fields]


class G3:
    """Housekeeping files of an hour with frames of a minute, as OCS' aggregator writes them."""

    name = "g3, so3g"

    def __init__(self, folder):
        from so3g import hk
        from spt3g import core

        self.folder, self.hk, self.core = Path(folder), hk, core

    def write(self, data):
        first = min(int(rows.times[0]) for rows in data.values())
        last = max(int(rows.times[-1]) for rows in data.values())
        session = self.hk.HKSessionHelper(hkagg_version=2)
        session.start_time = first / 1e9
        providers = {name: session.add_provider(name) for name in data}
        for hour in range(first // HOUR, last // HOUR + 1):
            second = hour * 3_600
            folder = self.folder / f"{second:d}"[:5]
            folder.mkdir(exist_ok=True)
            writer = self.core.G3Writer(str(folder / f"{second}.g3"))
            writer(session.session_frame())
            writer(session.status_frame())
            for minute in range(second, second + 3_600, FRAME_SECONDS):
                for name, rows in data.items():
                    low, high = np.searchsorted(
                        rows.times, [minute * 10**9, (minute + FRAME_SECONDS) * 10**9]
                    )
                    if low < high:
                        writer(self._frame(session, providers[name], rows, low, high))
            writer(self.core.G3Frame(self.core.G3FrameType.EndProcessing))

    def _frame(self, session, provider, rows, low, high):
        frame = session.data_frame(provider)
        times = self.core.G3VectorTime(
            [self.core.G3Time(int(t) // 10) for t in rows.times[low:high]]
        )
        block = self.core.G3TimesampleMap()
        block.times = times
        kinds = {"f": self.core.G3VectorDouble, "i": self.core.G3VectorInt,
                 "b": self.core.G3VectorBool, "O": self.core.G3VectorString}
        for field, column in rows.columns.items():
            values = column.values[low:high]
            block[field] = kinds[values.dtype.kind](values.tolist())
        frame["blocks"].append(block)
        frame["block_names"].append("block")
        return frame

    def read(self, name, fields, start, end):
        found = self.hk.getdata.load_range(
            start / 1e9, end / 1e9, fields=[f"{name}.{field}" for field in fields],
            data_dir=str(self.folder),
        )
        return [array for pair in found.values() for array in pair]


class Files:
    """Cerro's own files, by the reader in Python."""

    name = "Cerro, files in Python"

    def __init__(self, folder):
        self.folder = folder

    def read(self, name, fields, start, end):
        found = []
        for file in self.folder.sealed:
            for timeline in file.timeline(name):
                rows = timeline.read(fields, start, end)
                found.append([rows.times] + [rows.columns[field].values for field in fields])
        return [np.concatenate(parts) for parts in zip(*found)]


def sizes(folder):
    """The bytes of all files below a folder."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def measure(store, name, fields, start, end, runs):
    """Seconds of the runs after a first one, which warms the files up."""
    store.read(name, fields, start, end)
    taken = []
    for _ in range(runs):
        begin = time.perf_counter()
        store.read(name, fields, start, end)
        taken.append(time.perf_counter() - begin)
    return taken


def report(benchmark, store, runs, unit):
    return {"benchmark": benchmark, "store": store, "runs": len(runs),
            "median": statistics.median(runs), "unit": unit}


def reads(store, data, runs):
    """How long one field over everything, and all fields of the first hour, take."""
    name, rows = max(data.items(), key=lambda item: len(item[1]))
    numeric = [f for f, c in rows.columns.items() if c.values.dtype.kind == "f"]
    if not numeric:
        return
    start, end = int(rows.times[0]), int(rows.times[-1]) + 1
    yield report("one field, all of it", store.name,
                 measure(store, name, numeric[:1], start, end, runs), "s")

    class All:
        @staticmethod
        def read(_, fields, start, end):
            for each, part in data.items():
                store.read(each, list(part.columns), start, end)

    taken = measure(All, None, None, start, start + HOUR, runs)
    yield report("all fields, one hour", store.name, taken, "s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    folder = ArchiveFolder(options.archive)
    data = timelines(folder)
    if not data:
        sys.exit(f"peers: {options.archive} has no sealed files with rows")
    values = sum(value_count(rows) for rows in data.values())
    sealed = sum(Path(file.path).stat().st_size for file in folder.sealed)
    results = [report("bytes a value", "Cerro", [sealed / values], "B")]
    results += reads(Files(folder), data, options.runs)
    for kind in (Parquet, G3):
        with tempfile.TemporaryDirectory(prefix="cerro-peers-") as place:
            store = kind(place)
            begin = time.perf_counter()
            store.write(data)
            rate = values / (time.perf_counter() - begin)
            results.append(report("written", store.name, [rate], "values/s"))
            results.append(report("bytes a value", store.name, [sizes(place) / values], "B"))
            results += reads(store, data, options.runs)
    results.sort(key=lambda result: result["benchmark"])
    for result in results:
        if options.json:
            print(json.dumps(result))
        else:
            print("{benchmark:22} {store:24} {median:14.6g} {unit}".format(**result))


if __name__ == "__main__":
    main()
