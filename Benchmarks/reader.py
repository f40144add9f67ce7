#!/usr/bin/env python3
"""What the reader's HTTP costs: dashboards, event streams and plots, while samples arrive.

    Benchmarks/reader.py CERRO [--seconds 20] [--archive FOLDER --field NAME --start T --end T]

CERRO is the program of a release build. A site of its own runs in a temporary folder: ten agents
that publish 10,000 samples a second together, the aggregator and the reader. `wrk` (Debian) asks
as Grafana does, 100 queries a second; 500 clients open event streams. With an archive, a plot of
1,000 points is asked of it, again and again. Each figure is one line of JSON.
"""

import argparse
import json
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

AGENTS, FIELDS, RATE = 10, 10, 100
"""10 agents x 10 fields x 100 rows a second are 10,000 samples a second."""

CONNECTIONS, STREAMS, STREAMS_SECONDS = 10, 500, 10
"""Connections of dashboards, each with a question 90 ms after an answer; streams, and how long."""

DASHBOARD = """
local queries = {
  'avg_over_time(load_value_001{agent="load-%d"}[5s])',
  'max_over_time(load_value_002{agent="load-%d"}[5s])',
  'load_value_003{agent="load-%d"}', 'rate(load_n{agent="load-%d"}[1m])',
}
local count = 0
function delay() return 85 + math.random(0, 10) end
function request()
  count = count + 1
  local query = string.format(queries[count % #queries + 1], math.random(1, AGENTS))
  query = query:gsub('[^%w]', function(c) return string.format('%%%02X', string.byte(c)) end)
  local now = os.time()
  return wrk.format('GET', string.format(
    '/prometheus/api/v1/query_range?query=%s&start=%d&end=%d&step=5', query, now - 300, now))
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('FIGURES %d %d %f %f %f\\n', summary.requests,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.duration / 1e6))
end
"""


def report(benchmark, median, unit, **more):
    """Prints one figure."""
    print(json.dumps({"benchmark": benchmark, "median": median, "unit": unit, **more}), flush=True)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def ask(address):
    """The answer of an address as JSON."""
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.load(answer)


def until(what, condition, seconds=60):
    """Waits until `condition` says something true, and returns that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = condition()
            if found:
                return found
        except (urllib.error.URLError, OSError, KeyError):
            pass
        time.sleep(0.2)
    raise SystemExit(f"reader.py: {what} did not come within {seconds} s")


def resident_mb(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1000


def site_file(folder, http, archive=None):
    loads = "\n".join(
        f"      - {{class: FakeData, id: load-{n}, start: [load], "
        f"arguments: {{load: {{fields: {FIELDS}, rate: {RATE}}}}}}}"
        for n in range(1, AGENTS + 1)
    )
    writers = "      - {class: Aggregator, id: aggregator, start: [record]}\n" + loads
    path = folder / "site.yaml"
    path.write_text(
        f"""site: bench
registry: {{address: 127.0.0.1, port: {free_port()}}}
archive: {{directory: {archive or folder / "archive"}, reserve: 0 B}}
spool: {{directory: {folder / "spool"}, size: 256 MiB}}
reader: {{listen: "127.0.0.1:{http}", cache: 512 MiB}}
hosts:
  here:
    address: 127.0.0.1
    ports: 0
    agents:
      - {{class: Reader, id: reader, start: [serve]}}
{"" if archive else writers}
"""
    )
    return path


class Site:
    """A site in a folder, while it is used with `with`."""

    def __init__(self, cerro, folder, archive=None):
        self.http = free_port()
        self.words = [cerro, "up", "--site", str(site_file(folder, self.http, archive))]
        self.log = (folder / "up.log").open("w")

    def __enter__(self):
        self.up = subprocess.Popen(self.words, stdout=self.log, stderr=self.log)
        until("the reader", lambda: ask(self.address("/readyz"))["status"] == "ready")
        return self

    def __exit__(self, *_):
        self.up.terminate()
        self.up.wait()

    def address(self, path):
        return f"http://127.0.0.1:{self.http}{path}"

    def pid(self, instance):
        agents = until("the registry", lambda: ask(self.address("/api/v1/agents")))
        return next(agent["pid"] for agent in agents if agent["instance"] == instance)


def dashboards(site, folder, seconds):
    script = folder / "dashboard.lua"
    script.write_text(DASHBOARD.replace("AGENTS", str(AGENTS)))
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    text = subprocess.run(
        [*words, site.address("/")], capture_output=True, text=True, check=True
    ).stdout
    count, errors, median, p99, took = map(float, re.search(r"FIGURES (.*)", text).group(1).split())
    report("http.dashboard", median, "ms", p99=p99, per_second=count / took, errors=errors)


def event_streams(site):
    pid = site.pid("reader")
    before = resident_mb(pid)
    streams = []
    for number in range(STREAMS):
        one = socket.create_connection(("127.0.0.1", site.http))
        path = f"/api/v1/live?field=load-{number % AGENTS + 1}"
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        one.setblocking(False)
        streams.append(one)
    received = 0
    end = time.monotonic() + STREAMS_SECONDS
    while time.monotonic() < end:
        for one in streams:
            try:
                received += len(one.recv(65536))
            except BlockingIOError:
                pass
        time.sleep(0.05)
    grown = resident_mb(pid) - before
    for one in streams:
        one.close()
    report("http.streams", grown, "MB", streams=STREAMS, received_mb=received / 1e6)


def plots(site, options):
    query = {
        "field": options.field,
        "start": options.start,
        "end": options.end,
        "max_points": 1000,
    }
    address = site.address("/api/v1/data?" + urllib.parse.urlencode(query))
    tier = until("the plot", lambda: ask(address))["tier"]
    taken = []
    for _ in range(50):
        start = time.perf_counter()
        with urllib.request.urlopen(address) as answer:
            answer.read()
        taken.append((time.perf_counter() - start) * 1000)
    report("http.plot", statistics.median(taken), "ms", worst=max(taken), tier=tier)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cerro")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--archive")
    parser.add_argument("--field")
    parser.add_argument("--start")
    parser.add_argument("--end")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cerro-bench-") as name:
        folder = pathlib.Path(name)
        if options.archive:
            with Site(options.cerro, folder, options.archive) as site:
                plots(site, options)
            return
        with Site(options.cerro, folder) as site:
            query = urllib.parse.quote(f'count(load_n{{agent="load-{AGENTS}"}})')
            address = site.address("/prometheus/api/v1/query?query=" + query)
            until("the first samples", lambda: ask(address)["data"]["result"])
            dashboards(site, folder, options.seconds)
            event_streams(site)


if __name__ == "__main__":
    main()
