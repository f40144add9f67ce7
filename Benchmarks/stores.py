"""What could hold the samples of an observatory, each with the same questions.

A store has `write(data)`, `read(wanted, start, end)` with `wanted` a map of timelines to fields,
`plot(name, field, start, end, points)` and `close()`. Data is a map of timelines to rows, times are
nanoseconds since 1970, answers are numpy arrays.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

import numpy as np

HOUR = 3_600 * 10**9
FRAME_SECONDS = 60
PATIENCE = 120


def sizes(folder):
    """The bytes of all files below a folder; of one with holes, those that are there."""
    found = [path.stat() for path in Path(folder).rglob("*") if path.is_file()]
    return sum(min(each.st_size, 512 * each.st_blocks) for each in found)


def value_count(rows, texts=True):
    """How many values are there."""
    return sum(
        len(c) if c.present is None else int(c.present.sum())
        for c in rows.columns.values() if texts or c.values.dtype.kind != "O"
    )


def buckets(times, values, start, end, points):
    """The least and the most of each of so many stretches of time."""
    edges = start + (end - start) * np.arange(points) // points
    places = np.unique(np.searchsorted(times, edges))
    places = places[places < len(times)]
    return np.minimum.reduceat(values, places), np.maximum.reduceat(values, places)


class Store:
    """A store of samples in a folder of its own."""

    #: What it is called, and whether it keeps texts.
    name, keeps_texts = "", True

    def __init__(self, folder):
        self.folder = Path(folder)

    def values(self, data):
        """How many of the values it keeps."""
        return sum(value_count(rows, self.keeps_texts) for rows in data.values())

    def plot(self, name, field, start, end, points):
        """Reads all and reduces it, where the store itself cannot."""
        times, values = self.read({name: [field]}, start, end)[:2]
        return buckets(np.asarray(times, np.int64), values, start, end, points)

    def settle(self):
        """Waits until all is written."""

    def bytes(self):
        """How much it has on disk."""
        return sizes(self.folder)

    def close(self):
        """Ends what runs."""


class Parquet(Store):
    """A file for each timeline, as `pandas.to_parquet` would make it, with zstd."""

    name = "Parquet, zstd"

    def __init__(self, folder):
        super().__init__(folder)
        import pyarrow
        import pyarrow.parquet

        self.arrow, self.parquet = pyarrow, pyarrow.parquet

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

    def read(self, wanted, start, end):
        found = []
        for name, fields in wanted.items():
            kind = self.arrow.timestamp("ns", "UTC")
            filters = [
                ("time", ">=", self.arrow.scalar(int(start), kind)),
                ("time", "<", self.arrow.scalar(int(end), kind)),
            ]
            table = self.parquet.read_table(
                self._path(name), columns=["time", *fields], filters=filters
            )
            found += [table["time"].to_numpy()] + [table[field].to_numpy() for field in fields]
        return found


class G3(Store):
    """Housekeeping files of an hour with frames of a minute, as OCS' aggregator writes them."""

    name = "g3, so3g"

    def __init__(self, folder):
        super().__init__(folder)
        from so3g import hk
        from spt3g import core

        self.hk, self.core = hk, core

    def write(self, data):
        first = min(int(rows.times[0]) for rows in data.values())
        last = max(int(rows.times[-1]) for rows in data.values())
        session = self.hk.HKSessionHelper(hkagg_version=2)
        session.start_time = first / 1e9
        providers = {name: session.add_provider(_address(name)) for name in data}
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
        block = self.core.G3TimesampleMap()
        block.times = self.core.G3VectorTime(
            [self.core.G3Time(int(t) // 10) for t in rows.times[low:high]]
        )
        kinds = {"f": self.core.G3VectorDouble, "i": self.core.G3VectorInt,
                 "b": self.core.G3VectorBool, "O": self.core.G3VectorString}
        for field, column in rows.columns.items():
            values = column.values[low:high]
            block[field] = kinds[values.dtype.kind](values.tolist())
        frame["blocks"].append(block)
        frame["block_names"].append("block")
        return frame

    def read(self, wanted, start, end):
        names = [
            f"{_address(name)}.{field}" for name, fields in wanted.items() for field in fields
        ]
        # Its seconds are rounded to a fifth of a microsecond.
        found = self.hk.getdata.load_range(
            start / 1e9 - 1e-6, end / 1e9 + 1e-6, fields=names, data_dir=str(self.folder)
        )
        return [array for name in names for array in found[name]]

    def plot(self, name, field, start, end, points):
        # It answers with seconds.
        times, values = self.read({name: [field]}, start, end)
        return buckets(times, values, start / 1e9, end / 1e9, points)


def _address(name):
    """A timeline's name as so3g has it."""
    instance, feed = name.rsplit(".", 1)
    return f"observatory.{instance}.feeds.{feed}"


class Files(Store):
    """Cerro's own files, by the reader in Python."""

    name = "Cerro, files in Python"

    def __init__(self, folder, archive):
        super().__init__(folder)
        self.archive = archive

    def read(self, wanted, start, end):
        found = []
        for name, fields in wanted.items():
            parts = []
            for file in self.archive.sealed:
                for timeline in file.timeline(name):
                    rows = timeline.read(fields, start, end)
                    parts.append([rows.times] + [rows.columns[field].values for field in fields])
            found += [np.concatenate(part) for part in zip(*parts)]
        return found


class Server(Store):
    """A store that is a process; its log is in its folder."""

    #: Of what it writes, the part that is its data.
    data = "data"

    def start(self, *words, environment=None):
        """Starts it."""
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env=environment,
            )

    def await_answer(self, ask):
        """Waits until it answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except Exception as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(errors="replace")[-2_000:]
                    self.close()
                    raise RuntimeError(f"{self.name} does not answer: {error}\n{log}") from None
            time.sleep(0.05)

    def bytes(self):
        return sizes(self.folder / self.data)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def connect(self, port):
        """Opens the connection on which all is asked."""
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def ask(self, method, path, body=None):
        """The body of an answer."""
        try:
            self.connection.request(method, path, body)
            answer = self.connection.getresponse()
            found = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        if answer.status >= 300:
            raise RuntimeError(f"{path[:80]}: {answer.status} {found[:300]!r}")
        return found


def free_port():
    """A port of this machine that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Reader(Server):
    """Cerro's reader, asked over ZeroMQ by the Python client; it writes its index beside."""

    name = "Cerro"

    def __init__(self, folder, program, archive):
        super().__init__(folder)
        import cerro

        port = free_port()
        site = self.folder / "site.yaml"
        site.write_text(
            f"site: peers\nregistry: {{address: 127.0.0.1, port: {port}}}\n"
            f"archive: {{directory: {json.dumps(str(Path(archive).resolve()))}}}\n"
            'reader: {listen: "127.0.0.1:0"}\nhosts:\n  here:\n    address: 127.0.0.1\n'
            "    ports: 0\n    agents:\n      - {class: Reader, id: reader, start: [serve]}\n",
            encoding="utf-8",
        )
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CERRO_")}
        self.start(
            str(Path(program).resolve()), "up", "--host", "here", "--site", str(site),
            environment=environment,
        )
        self.site = cerro.Site(registry=f"tcp://127.0.0.1:{port}", reader="reader")
        self.await_answer(lambda: self.site.get_fields("*"))

    def read(self, wanted, start, end):
        names = [f"{name}.{field}" for name, fields in wanted.items() for field in fields]
        answer = self.site.get_data(names, int(start), int(end))
        return [part for name in names for part in (answer[name].t, answer[name].values)]

    def plot(self, name, field, start, end, points):
        name = f"{name}.{field}"
        found = self.site.get_data(name, int(start), int(end), max_points=points)[name]
        return found.min, found.max

    def close(self):
        self.site.close()
        super().close()


class VictoriaMetrics(Server):
    """VictoriaMetrics; it keeps doubles with times in milliseconds, and no texts."""

    name, keeps_texts = "VictoriaMetrics", False

    def __init__(self, folder, program):
        super().__init__(folder)
        port = free_port()
        self.start(
            program, f"-storageDataPath={self.folder / self.data}",
            f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y",
            "-search.maxPointsPerTimeseries=100000", "-search.maxSamplesPerQuery=1000000000",
        )
        self.connect(port)
        self.await_answer(lambda: self.ask("GET", "/health"))

    @staticmethod
    def _metric(name, field):
        return re.sub(r"\W", "_", f"{name}_{field}")

    def bodies(self, data, rows_each=20_000):
        """The samples as it takes them, in pieces."""
        for name, rows in data.items():
            for low in range(0, len(rows), rows_each):
                times = (rows.times[low : low + rows_each] // 1_000_000).tolist()
                lines = []
                for field, column in rows.columns.items():
                    if column.values.dtype.kind == "O":
                        continue
                    values = column.values[low : low + rows_each].astype(float).tolist()
                    metric = {"__name__": self._metric(name, field)}
                    lines.append({"metric": metric, "values": values, "timestamps": times})
                yield "\n".join(map(json.dumps, lines)).encode()

    def send(self, body):
        """Writes one piece."""
        self.ask("POST", "/api/v1/import", body)

    def settle(self):
        self.ask("GET", "/internal/force_flush")

    def read(self, wanted, start, end):
        names = [self._metric(n, field) for n, fields in wanted.items() for field in fields]
        query = urllib.parse.urlencode(
            [("match[]", name) for name in names] + [("start", start / 1e9), ("end", end / 1e9)]
        )
        found = []
        for line in self.ask("GET", f"/api/v1/export?{query}").splitlines():
            series = json.loads(line)
            found += [np.array(series["timestamps"]), np.array(series["values"])]
        return found

    def plot(self, name, field, start, end, points):
        step = (end - start) / 1e9 / points
        found = []
        for word in ("min", "max"):
            query = f"{word}_over_time({self._metric(name, field)}[{step:g}s])"
            query = urllib.parse.urlencode(
                {"query": query, "start": start / 1e9, "end": end / 1e9, "step": f"{step:g}s",
                 "nocache": 1}
            )
            answer = json.loads(self.ask("GET", f"/api/v1/query_range?{query}"))
            values = answer["data"]["result"][0]["values"]
            found.append(np.array([float(value) for _, value in values]))
        return found


class InfluxDB(Server):
    """InfluxDB 1.x."""

    name = "InfluxDB"

    def __init__(self, folder, program):
        super().__init__(folder)
        ports = free_port(), free_port()
        config = self.folder / "influx.conf"
        place = self.folder / self.data
        config.write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{ports[0]}"\n'
            f'[meta]\n  dir = "{place}/meta"\n[data]\n  dir = "{place}/data"\n'
            f'  wal-dir = "{place}/wal"\n  index-version = "tsi1"\n  query-log-enabled = false\n'
            '  cache-snapshot-write-cold-duration = "2s"\n'
            '  compact-full-write-cold-duration = "2s"\n'
            f'[http]\n  bind-address = "127.0.0.1:{ports[1]}"\n  log-enabled = false\n'
            "[monitor]\n  store-enabled = false\n"
        )
        self.start(program, "run", "-config", str(config))
        self.connect(ports[1])
        self.await_answer(lambda: self.ask("GET", "/ping"))
        self._query("CREATE DATABASE peers")

    def _query(self, text):
        query = urllib.parse.urlencode({"q": text, "db": "peers", "epoch": "ns"})
        answer = json.loads(self.ask("POST", f"/query?{query}"))
        for result in answer["results"]:
            if "error" in result:
                raise RuntimeError(result["error"])
        return [series for result in answer["results"] for series in result.get("series", [])]

    def bodies(self, data, rows_each=5_000):
        """The samples as it takes them, in pieces."""
        forms = {"f": repr, "i": lambda v: f"{v}i", "b": str, "O": lambda v: f'"{v}"'}
        for name, rows in data.items():
            for low in range(0, len(rows), rows_each):
                columns = []
                for field, column in rows.columns.items():
                    form = forms[column.values.dtype.kind]
                    part = column.values[low : low + rows_each].tolist()
                    columns.append([f"{field}={form(value)}" for value in part])
                times = rows.times[low : low + rows_each].tolist()
                yield "\n".join(
                    f"{name} {','.join(row)} {at}" for at, *row in zip(times, *columns)
                ).encode()

    def send(self, body):
        """Writes one piece."""
        self.ask("POST", "/write?db=peers&precision=ns", body)

    def settle(self):
        """Waits until the log is empty: its files then have all."""
        deadline = time.monotonic() + PATIENCE
        while sizes(self.folder / self.data / "wal") > 100 and time.monotonic() < deadline:
            time.sleep(0.2)

    def read(self, wanted, start, end):
        text = ";".join(
            f"SELECT {', '.join(map(_quoted, fields))} FROM {_quoted(name)} "
            f"WHERE time >= {start} AND time < {end}" for name, fields in wanted.items()
        )
        found = []
        for series in self._query(text):
            found += [np.array(column) for column in zip(*series["values"])]
        return found

    def plot(self, name, field, start, end, points):
        found = self._query(
            f"SELECT min({_quoted(field)}), max({_quoted(field)}) FROM {_quoted(name)} "
            f"WHERE time >= {start} AND time < {end} GROUP BY time({(end - start) // points}ns)"
        )
        _, least, most = zip(*found[0]["values"])
        return np.array(least), np.array(most)


def _quoted(name):
    return f'"{name}"'


def import_into(program, archive, data):
    """Brings samples into a new archive as .g3 files, by the program; the seconds that it took."""
    Path(archive).mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="cerro-peers-") as place:
        G3(place).write(data)
        begin = time.perf_counter()
        subprocess.run(
            [program, "archive", "import", place, "--directory", str(archive)], check=True,
            stdin=subprocess.DEVNULL, stdout=sys.stderr,
        )
        return time.perf_counter() - begin


def found_program(name):
    """The path of a program, None where it is not installed."""
    return shutil.which(name)
