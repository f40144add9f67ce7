"""Gives the samples of an archive to what else could hold them, and compares.

    python Benchmarks/peers.py ARCHIVE [--program CERRO] [--runs 5] [--json]
    python Benchmarks/peers.py --hours 24 --program CERRO

One line a figure: bytes a value with timestamps, values a second that are written, seconds until one
field over the whole range, all fields of its first hour, and the least and most of a plot of 1,000
points stand in numpy arrays. Every other store is also given as its ratio to Cerro.
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
import samples  # noqa: E402
import stores  # noqa: E402

from cerro.archive import ArchiveFolder  # noqa: E402
from cerro.model import Column, Rows  # noqa: E402

HOUR = 3_600 * 10**9
POINTS = 1_000


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


def measure(act, runs):
    """Seconds of the runs after a first one, which warms the files up."""
    act()
    taken = []
    for _ in range(runs):
        begin = time.perf_counter()
        act()
        taken.append(time.perf_counter() - begin)
    return taken


def report(benchmark, store, runs, unit):
    return {"benchmark": benchmark, "store": store.name, "runs": len(runs),
            "median": statistics.median(runs), "unit": unit}


def reads(store, data, runs):
    """How long one field over everything, all fields of the first hour, and a plot take."""
    name = max(data, key=lambda each: len(data[each]))
    rows = data[name]
    numeric = [f for f, c in rows.columns.items() if c.values.dtype.kind == "f"]
    if not numeric:
        return
    field, start, end = numeric[0], int(rows.times[0]), int(rows.times[-1]) + 1
    everything = {
        each: [f for f, c in part.columns.items()
               if store.keeps_texts or c.values.dtype.kind != "O"]
        for each, part in data.items()
    }
    check(store, rows, name, field, start, end)
    questions = {
        "one field, all of it": lambda: store.read({name: [field]}, start, end),
        "all fields, one hour": lambda: store.read(everything, start, start + HOUR),
        f"plot of {POINTS} points": lambda: store.plot(name, field, start, end, POINTS),
    }
    for benchmark, ask in questions.items():
        yield report(benchmark, store, measure(ask, runs), "s")


def check(store, rows, name, field, start, end):
    """Stops where a store does not answer with what it was given: it would be fast for nothing."""
    _, values = store.read({name: [field]}, start, end)[:2]
    expected = rows.columns[field].values
    if len(values) != len(expected) or not np.array_equal(values, expected, equal_nan=True):
        sys.exit(f"peers: {store.name} has {len(values)} other values than {len(expected)} given")
    least, most = store.plot(name, field, start, end, POINTS)
    if np.nanmin(least) != np.nanmin(expected) or np.nanmax(most) != np.nanmax(expected):
        sys.exit(f"peers: a plot of {store.name} has other extremes")


def figures(store, data, runs):
    """All figures of a store that is given the samples."""
    values, taken = store.values(data), 0.0
    if isinstance(store, stores.Server):
        for body in store.bodies(data):
            begin = time.perf_counter()
            store.send(body)
            taken += time.perf_counter() - begin
        store.settle()
    else:
        begin = time.perf_counter()
        store.write(data)
        taken = time.perf_counter() - begin
    yield report("written", store, [values / taken], "values/s")
    yield from reads(store, data, runs)
    store.close()
    yield report("bytes a value", store, [store.bytes() / values], "B")


def own_figures(options, folder, data):
    """The figures of Cerro itself."""
    values = sum(stores.value_count(rows) for rows in data.values())
    with tempfile.TemporaryDirectory(prefix="cerro-peers-") as place:
        files = stores.Files(place, folder)
        yield from reads(files, data, options.runs)
        if options.program is None:
            print("peers: without --program, Cerro's reader is not asked", file=sys.stderr)
            return
        reader = stores.Reader(place, options.program, folder.path)
        try:
            yield from reads(reader, data, options.runs)
        finally:
            reader.close()
        sealed = sum(Path(file.path).stat().st_size for file in folder.sealed)
        yield report("bytes a value", reader, [sealed / values], "B")


def peers(options, data):
    """The figures of everybody else; who is not installed is named."""
    kinds = [(kind, ()) for kind in (stores.Parquet, stores.G3)]
    for kind, path in (
        (stores.VictoriaMetrics, options.victoria_metrics), (stores.InfluxDB, options.influxd)
    ):
        if path is None:
            print(f"peers: {kind.name} is not installed: left out", file=sys.stderr)
        else:
            kinds.append((kind, (path,)))
    for kind, more in kinds:
        with tempfile.TemporaryDirectory(prefix="cerro-peers-") as place:
            store = kind(place, *more)
            try:
                yield from figures(store, data, options.runs)
            finally:
                store.close()


def with_ratios(results):
    """The results by benchmark, Cerro's first, the others with their ratio to it."""
    for benchmark in sorted({result["benchmark"] for result in results}):
        found = [result for result in results if result["benchmark"] == benchmark]
        own = [result for result in found if result["store"] == "Cerro"]
        found = own + [result for result in found if result["store"] != "Cerro"]
        for result in found:
            if own and result is not own[0]:
                result["ratio"] = result["median"] / own[0]["median"]
            yield result


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", nargs="?", help="an archive without a reader that runs")
    parser.add_argument("--hours", type=float, help="instead: so many hours of made-up samples")
    parser.add_argument("--program", default=stores.found_program("cerro"))
    parser.add_argument("--victoria-metrics", default=stores.found_program("victoria-metrics"))
    parser.add_argument("--influxd", default=stores.found_program("influxd"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if (options.archive is None) == (options.hours is None):
        parser.error("name an archive, or --hours of made-up samples")
    if options.hours is not None and options.program is None:
        parser.error("--hours needs --program, which makes an archive of the samples")
    return options


def made(options, place):
    """A new archive with made-up samples, and a figure of what made it."""
    data = {
        name: Rows(times, {field: Column(values) for field, values in columns.items()})
        for name, times, columns in samples.feeds(options.hours)
    }
    values = sum(stores.value_count(rows) for rows in data.values())
    taken = stores.import_into(options.program, Path(place) / "archive", data)
    result = {"benchmark": "written", "store": "Cerro", "runs": 1, "median": values / taken,
              "unit": "values/s"}
    return Path(place) / "archive", dict(result, notes="imported from .g3, a whole process")


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="cerro-peers-") as place:
        results = []
        if options.hours is not None:
            options.archive, result = made(options, place)
            results.append(result)
        folder = ArchiveFolder(options.archive)
        data = timelines(folder)
        if not data:
            sys.exit(f"peers: {options.archive} has no sealed files with rows")
        count = sum(stores.value_count(rows) for rows in data.values())
        print(f"peers: {count:,} values in {len(data)} timelines", file=sys.stderr)
        results += own_figures(options, folder, data)
        results += peers(options, data)
    for result in with_ratios(results):
        if options.json:
            print(json.dumps(result))
        else:
            ratio = f"{result['ratio']:10.3g} x Cerro" if "ratio" in result else ""
            print("{benchmark:21} {store:23} {median:12.5g} {unit:9}".format(**result) + ratio)


if __name__ == "__main__":
    main()
