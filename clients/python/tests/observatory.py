"""A simulated site in a temporary folder, with real processes, for the tests."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "clients/python/src"))

from cerro import CerroClient  # noqa: E402

PROGRAM = os.environ.get("CERRO_PROGRAM") or str(ROOT / ".build/debug/cerro")
PATIENCE = 90

SITE = """
site: trial
registry: {{address: 127.0.0.1, port: {port}}}
archive: {archive}
reader: {{listen: "127.0.0.1:0", cache: 16 MiB}}
spool: {{directory: spool, size: 16 MiB}}
hosts:
  here:
    address: 127.0.0.1
    ports: 0
    agents:
"""
AGENTS = {
    "aggregator": "{class: Aggregator, id: aggregator, start: [record]}",
    "reader": "{class: Reader, id: reader, start: [serve]}",
    "fake-1": "{class: FakeData, id: fake-1, start: [acquire]}",
    "fake-2": "{class: FakeData, id: fake-2}",
}
ARCHIVE = "{directory: archive, rotate: 1 h}"


def eventually(check):
    """Asks until something is true; what it costs is the machine's time, not a guess of ours."""
    deadline = time.monotonic() + PATIENCE
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not become true within {PATIENCE} s")
        time.sleep(0.02)


def free_port():
    """A port of this machine that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Observatory:
    """`cerro up` of a small site; everything ends with :meth:`close`.

    With `instances`, it has keys, also for these, which run beside it. `agents` are those of the
    site file, by name; `prepare` is called with the observatory before anything runs.
    """

    def __init__(self, instances=(), *, agents=None, archive=ARCHIVE, prepare=None):
        if not os.access(PROGRAM, os.X_OK):
            raise RuntimeError(
                f"{PROGRAM} is missing, and these tests need the real processes: run `swift build "
                "--product cerro` first, or name the program in $CERRO_PROGRAM"
            )
        self._folder = tempfile.TemporaryDirectory(prefix="cerro-python-")
        self.folder = Path(self._folder.name)
        self.site = self.folder / "site.yaml"
        port = free_port()
        self.registry = f"tcp://127.0.0.1:{port}"
        agents = AGENTS if agents is None else agents
        text = SITE.format(port=port, archive=archive)
        text += "".join(f"      - {entry}\n" for entry in agents.values())
        self.keys = self.folder / "keys" if instances else None
        self.log = open(self.folder / "up.log", "wb")
        if instances:
            text = "keys: keys/\n" + text
            others = [f"      - {{class: Python, id: {name}}}\n" for name in instances]
            self.site.write_text(text + "".join(others), encoding="utf-8")
            self.call("keys", "init")
        self.site.write_text(text, encoding="utf-8")
        if prepare is not None:
            prepare(self)
        self.start(agents)
        try:
            for name in agents:
                with self.client(name) as client:
                    client.wait_alive(PATIENCE)
        except BaseException:
            print((self.folder / "up.log").read_text(), file=sys.stderr)
            self.close()
            raise

    def start(self, agents):
        """Starts the processes."""
        del agents
        self.process = self.run("up", "--host", "here")

    def call(self, *words):
        """Runs the program to its end."""
        if self.run(*words).wait(PATIENCE):
            raise RuntimeError(f"cerro {' '.join(words)}: {(self.folder / 'up.log').read_text()}")

    def run(self, *words):
        """A process of the program, in this site."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CERRO_")}
        return subprocess.Popen(
            [PROGRAM, *words, "--site", str(self.site)], env=environment, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )

    def client(self, instance, **more):
        """A client of one instance."""
        if self.keys:
            more = {"keys": str(self.keys), "name": "operator", **more}
        return CerroClient(instance, registry=self.registry, **more)

    def end(self):
        """Ends the processes."""
        ended(self.process)

    def close(self):
        """Ends the processes and removes the folder."""
        self.end()
        self.log.close()
        self._folder.cleanup()


class Crew(Observatory):
    """The same, each instance a process that nobody supervises; `processes` by name."""

    def start(self, agents):
        self.processes = {}
        for name in ["registry", *agents]:
            self.launch(name)

    def launch(self, name):
        """Starts one instance."""
        self.processes[name] = self.run("agent", "run", name)

    def end(self):
        # The registry last: the others take leave of it.
        for name in reversed(list(self.processes)):
            ended(self.processes[name])


def ended(process, number=signal.SIGTERM):
    """The exit code of a process that is told to end."""
    process.send_signal(number)
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


_shared = None


def shared():
    """The site that all tests of a run share; it is started once and ends with the run."""
    global _shared
    if _shared is None:
        import atexit

        _shared = Observatory()
        atexit.register(_shared.close)
    return _shared
