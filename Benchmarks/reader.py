#!/usr/bin/env python3
"""What the reader's HTTP costs: dashboards, event streams and plots, while samples arrive.

    Benchmarks/reader.py CERRO [--seconds 20] [--only NAME] [--archive FOLDER --field NAME ...]

CERRO is the program of a release build. A site of its own runs in a temporary folder: ten agents
that publish 10,000 samples a second together, the aggregator and the reader. `wrk` (Debian) asks
as Grafana does, 100 queries a second; 500 clients open event streams; samples are looked for as
soon as they are published; `chromium` (Debian) opens the monitor page, on which 190 agents of
another host are expected too. With an archive, plots of 1,000 points are asked of it: `--start`
and `--end` may be repeated, one pair for each plot (a day, a year). Each figure is one line of
JSON; `most` beside it is what it may be, where that is promised.
"""

import argparse
import http.client
import json
import os
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

PUBLISH_SECONDS, PAINTS, PLOTS = 15, 15, 200
"""How long newest samples are looked for; how often the page is opened, and a plot asked for."""

EXPECTED = 190
"""Agents of another host that are expected and missing: they are on the page like any other."""

PAINTED = """
new MutationObserver((changes, observer) => {
  if (document.querySelectorAll(".tile").length < %d) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }));
}).observe(document, {childList: true, subtree: true});
"""
"""Notes when so many tiles were painted, in milliseconds since the navigation began."""

FIRST_PAINT = """
(performance.getEntriesByType("paint").find((one) => one.name === "first-contentful-paint") ?? {})
  .startTime
"""
"""Milliseconds since the navigation began until the first text was painted; nothing before."""

STILL = """
"<!doctype html>" + document.documentElement.outerHTML.replace(
  /<script[^>]*><\\/script>|<link[^>]*>/g, "",
).replace("</head>", "<style>" + [...document.styleSheets].flatMap((sheet) =>
  [...sheet.cssRules].map((rule) => rule.cssText)).join("") + "</style></head>")
"""
"""The page as it stands, without scripts and without anything to load."""

DASHBOARD = """
local queries = {
  'avg_over_time(load_value_001{agent="load-%d"}[5s])',
  'max_over_time(load_value_002{agent="load-%d"}[5s])',
  'load_value_003{agent="load-%d"}', 'rate(load_n{agent="load-%d"}[1m])',
}
local count = 0
local isFloor = FLOOR
function delay() return 85 + math.random(0, 10) end
function request()
  count = count + 1
  if isFloor then return wrk.format('GET', '/healthz') end
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


def report(benchmark, median, unit, floor=None, **more):
    """Prints one figure; `floor` is the name and median of what nobody could be faster than."""
    figure = {"benchmark": benchmark, "median": median, "unit": unit, **more}
    if floor:
        figure["floor"] = {"name": floor[0], "median": floor[1]}
        figure["ratio"] = median / floor[1]
    print(json.dumps(figure), flush=True)


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


def p99(values):
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def site_file(folder, http, archive=None):
    loads = "\n".join(
        f"      - {{class: FakeData, id: load-{n}, start: [load], "
        f"arguments: {{load: {{fields: {FIELDS}, rate: {RATE}}}}}}}"
        for n in range(1, AGENTS + 1)
    )
    writers = "      - {class: Aggregator, id: aggregator, start: [record]}\n" + loads
    expected = "\n".join(
        f"      - {{class: FakeData, id: far-{n:03}, start: [acquire]}}" for n in range(EXPECTED)
    )
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
  elsewhere:
    address: 127.0.0.1
    ports: 0
    agents:
{expected}
"""
    )
    return path


class Site:
    """A site in a folder, while it is used with `with`."""

    def __init__(self, cerro, folder, archive=None):
        self.http = free_port()
        file = site_file(folder, self.http, archive)
        self.words = [cerro, "up", "--host", "here", "--site", str(file)]
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
    def ask_for(is_floor, seconds):
        script = folder / "dashboard.lua"
        text = DASHBOARD.replace("AGENTS", str(AGENTS)).replace("FLOOR", is_floor)
        script.write_text(text)
        words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
        said = subprocess.run(
            [*words, site.address("/")], capture_output=True, text=True, check=True
        ).stdout
        return map(float, re.search(r"FIGURES (.*)", said).group(1).split())

    _, _, floor, floor_p99, _ = ask_for("true", max(5, seconds // 4))
    count, errors, median, worst, took = ask_for("false", seconds)
    report(
        "http.dashboard",
        median,
        "ms",
        floor=("/healthz at the same rate", floor),
        p99=worst,
        most_p99=100,
        floor_p99=floor_p99,
        per_second=count / took,
        errors=errors,
    )


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
    report("http.streams", grown, "MB", most=100, streams=STREAMS, received_mb=received / 1e6)


def publish_to_answer(site):
    """From the time of a sample to the first answer that holds it, for one who always asks."""
    connection = http.client.HTTPConnection("127.0.0.1", site.http)
    field = "load-1.load.n"
    path = f"/api/v1/data?field={field}&start=-2s&time=ns"
    ages, known = [], 0
    end = time.monotonic() + PUBLISH_SECONDS
    while time.monotonic() < end:
        connection.request("GET", path)
        times = json.loads(connection.getresponse().read())["timeline"]
        now = time.time_ns()
        newest = [int(t) for line in times.values() for t in line["t"] if int(t) > known]
        ages += [(now - t) / 1e9 for t in newest if known]
        known = max([known, *newest])
    if not ages:
        raise SystemExit("reader.py: nothing came while it was looked for")
    report(
        "http.publish_to_answer",
        statistics.median(ages),
        "s",
        most=0.3,
        p99=p99(ages),
        samples=len(ages),
    )


class Chromium:
    """A headless browser with one page, driven over two pipes as Chrome's protocol has it."""

    def __init__(self, folder):
        to_read, self.to = os.pipe()
        self.of, of_write = os.pipe()

        def pipes():
            # The protocol wants them as 3 and 4, whatever they are here.
            read, write = os.dup(to_read), os.dup(of_write)
            os.dup2(read, 3)
            os.dup2(write, 4)

        self.process = subprocess.Popen(
            [
                "chromium",
                "--headless=new",
                "--remote-debugging-pipe",
                f"--user-data-dir={folder}",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "about:blank",
            ],
            close_fds=False,
            preexec_fn=pipes,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(of_write)
        self.pending, self.last, self.session = b"", 0, None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        self.send("Page.enable")

    def send(self, method, **parameters):
        """The result of a command."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.pending:
                piece = os.read(self.of, 1 << 20)
                if not piece:
                    raise SystemExit("reader.py: chromium has ended")
                self.pending += piece
            text, self.pending = self.pending.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.last:
                return answer["result"]

    def value(self, expression):
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def close(self):
        self.process.terminate()
        self.process.wait()


def first_paint(site, folder):
    """From the navigation to the first paint, and to all tiles on the screen, with nothing kept."""
    browser = Chromium(folder / "profile")

    def open_page(address, measure):
        browser.send("Network.clearBrowserCache")
        browser.send("Page.navigate", url="about:blank")
        browser.send("Page.navigate", url=address)
        return until(address, lambda: browser.value(measure))

    first, still, tiles = [], [], []
    try:
        browser.send("Network.enable")
        browser.send("Page.addScriptToEvaluateOnNewDocument", source=PAINTED % (EXPECTED + AGENTS))
        # The first opens a browser that has shown nothing yet: it says nothing of the page.
        cold = open_page(site.address("/"), "window.painted")
        copy = folder / "page.html"
        copy.write_text(browser.value(STILL))
        for _ in range(PAINTS):
            tiles.append(open_page(site.address("/"), "window.painted"))
            first.append(browser.value(FIRST_PAINT))
            still.append(open_page(copy.as_uri(), FIRST_PAINT))
    finally:
        browser.close()
    floor = ("the same tiles and styles as one file", statistics.median(still) / 1000)
    for name, taken, most in [("first_paint", first, 0.3), ("tiles_painted", tiles, None)]:
        report(
            f"http.{name}",
            statistics.median(taken) / 1000,
            "s",
            floor=floor,
            agents=EXPECTED + AGENTS,
            worst=max(taken) / 1000,
            **({"most": most} if most else {"cold": cold / 1000}),
        )


def plots(site, options):
    for start, end in zip(options.start, options.end):
        query = {"field": options.field, "start": start, "end": end, "max_points": 1000}
        path = "/api/v1/data?" + urllib.parse.urlencode(query)
        tier = until("the plot", lambda path=path: ask(site.address(path)))["tier"]
        # As a browser or a dashboard does: one connection for all questions.
        connection = http.client.HTTPConnection("127.0.0.1", site.http)
        taken = {path: [], "/healthz": []}
        for _ in range(PLOTS):
            for asked, times in taken.items():
                begun = time.perf_counter()
                connection.request("GET", asked)
                connection.getresponse().read()
                times.append((time.perf_counter() - begun) * 1000)
        report(
            "http.plot",
            statistics.median(taken[path]),
            "ms",
            floor=("/healthz", statistics.median(taken["/healthz"])),
            p99=p99(taken[path]),
            tier=tier,
            start=start,
            end=end,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cerro")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--archive")
    parser.add_argument("--field")
    parser.add_argument("--start", action="append", default=[])
    parser.add_argument("--end", action="append", default=[])
    parts = ["dashboards", "streams", "publish", "paint"]
    parser.add_argument("--only", choices=parts, action="append")
    options = parser.parse_args()
    only = options.only or parts
    with tempfile.TemporaryDirectory(prefix="cerro-bench-") as name:
        folder = pathlib.Path(name)
        if options.archive:
            if not options.field or not options.start or len(options.start) != len(options.end):
                parser.error("--archive needs --field, and as many --start as --end")
            with Site(options.cerro, folder, options.archive) as site:
                plots(site, options)
            return
        with Site(options.cerro, folder) as site:
            query = urllib.parse.quote(f'count(load_n{{agent="load-{AGENTS}"}})')
            address = site.address("/prometheus/api/v1/query?query=" + query)
            until("the first samples", lambda: ask(address)["data"]["result"])
            if "dashboards" in only:
                dashboards(site, folder, options.seconds)
            if "streams" in only:
                event_streams(site)
            if "publish" in only:
                publish_to_answer(site)
            if "paint" in only:
                first_paint(site, folder)


if __name__ == "__main__":
    main()
