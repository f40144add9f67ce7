#!/usr/bin/env python3
"""What the Python client costs, beside floors of the same run; each figure is a line of JSON.

    .build/python/bin/python Benchmarks/python_client.py .build/release/cerro

A site of its own runs in a temporary folder. A day at 1 Hz of four fields is published by an agent
in Python, archived and sealed, and read back.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "clients/python/src"))
sys.path.insert(0, str(ROOT / "clients/python/tests"))
ROWS, BLOCK, FIELDS = 86_400, 60, 4


def report(benchmark, values, unit, limit=None, floor=None):
    """Prints one figure: the median of `values`, the limit that it is to keep, and a floor."""
    median = statistics.median(values)
    line = {"benchmark": benchmark, "runs": len(values), "median": round(median, 4), "unit": unit}
    if limit is not None:
        line["limit"] = limit
    if floor is not None:
        name, value = floor[0], statistics.median(floor[1])
        line["floor"] = {"name": name, "median": round(value, 4)}
        line["ratio"] = round(median / value, 2)
    print(json.dumps(line), flush=True)
    return median


def timed(runs, act, scale=1e3):
    """The times of some runs of something, in ms."""
    found = []
    for _ in range(runs):
        begin = time.perf_counter()
        act()
        found.append((time.perf_counter() - begin) * scale)
    return found


def start_of(code):
    """The time of a Python process that runs `code`, in seconds."""
    path = str(ROOT / "clients/python/src")
    words = [sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r}); {code}"]
    return timed(7, lambda: subprocess.run(words, check=True), 1)


def echo_floor():
    """Trips of a small message to another process and back, by pyzmq alone."""
    import zmq

    code = (
        "import zmq; s = zmq.Context().socket(zmq.ROUTER); "
        "print(s.bind_to_random_port('tcp://127.0.0.1'), flush=True)\n"
        "while True: s.send_multipart(s.recv_multipart())"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.linger = 0
            socket.connect(f"tcp://127.0.0.1:{int(process.stdout.readline())}")

            def trip():
                socket.send(b"x" * 100)
                socket.recv()

            timed(200, trip)
            found = timed(3000, trip)
        process.kill()
    return found


def publish(site, begin):
    """A day of rows, by an agent in Python; the rate in rows a second."""
    from cerro import Agent
    import numpy as np

    agent, took = Agent("day-1", "Benchmark"), []
    feed = agent.feed("day", {f"x{number}": "K" for number in range(FIELDS)}, period=1.0,
                      lateness=400 * 86_400.0)

    @agent.task()
    def fill(session):
        """Publishes the day."""
        dice = np.random.default_rng(1)
        start = time.perf_counter()
        for first in range(0, ROWS, BLOCK):
            times = begin + (first + np.arange(BLOCK, dtype=np.int64)) * 10**9
            columns = np.cumsum(dice.normal(0, 0.01, (FIELDS, BLOCK)), axis=1).round(3)
            session.publish_block(feed, times, list(columns))
        took.append(time.perf_counter() - start)

    running = threading.Thread(
        target=agent.run, kwargs={"registry": site.registry, "spool": site.folder / "spool/day-1"}
    )
    running.start()
    try:
        with site.client("day-1") as client:
            client.wait_alive(30)
            client.fill().check()
        yield took[0]
    finally:
        agent.stop()
        running.join()


def main():
    """All figures."""
    os.environ["CERRO_PROGRAM"] = str(Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else str(
        ROOT / ".build/release/cerro"
    )
    bare = start_of("import zmq, msgpack")
    report("python_import", start_of("import cerro; cerro.CerroClient"), "s", 0.3,
           ("python with pyzmq and msgpack", bare))
    import numpy as np
    import observatory

    import cerro

    site = observatory.Observatory()
    try:
        made = []
        report("python_client_construction", timed(200, lambda: made.append(
            cerro.CerroClient("fake-2", site=site.site))), "ms", 5)
        floor = echo_floor()
        with site.client("fake-2") as client:
            status = client.delay_task.status
            timed(200, status)
            report("python_status", timed(3000, status), "ms", 1, ("pyzmq echo", floor))
            report("python_start_wait", timed(500, lambda: client.delay_task(delay=0.0)), "ms",
                   None, ("pyzmq echo", floor))
        begin = (time.time_ns() // 10**9 - 2 * ROWS) * 10**9
        filling = publish(site, begin)
        report("python_agent_publish", [ROWS * FIELDS / next(filling)], "values/s")
        names = [f"day-1.day.x{number}" for number in range(FIELDS)]
        with cerro.Site(registry=site.registry) as whole:
            def read(fields):
                return whole.get_data(fields, begin, begin + ROWS * 10**9)

            observatory.eventually(lambda: len(read(names[0])[names[0]]) == ROWS)
            raw = np.random.default_rng(1).normal(size=(2, ROWS)).tobytes()
            floor = timed(200, lambda: np.frombuffer(bytes(bytearray(raw))).sum())
            timed(3, lambda: read(names[0]))
            report("python_read_day", timed(50, lambda: read(names[0])[names[0]].values.sum()),
                   "ms", 10, ("two copies of the bytes and np.frombuffer", floor))
            report("python_read_day_of_four", timed(30, lambda: read(names)), "ms")
            report("python_read_day_dataframe", timed(10, lambda: read(names).to_dataframe()),
                   "ms")
            report("python_plot_1000", timed(50, lambda: whole.get_data(
                names[0], begin, begin + ROWS * 10**9, max_points=1000)), "ms")
        filling.close()
    finally:
        site.close()


if __name__ == "__main__":
    main()
