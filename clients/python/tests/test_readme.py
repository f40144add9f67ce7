"""The page README.md, run as it stands: all that it says is printed is printed."""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

from observatory import AGENTS, PATIENCE, PROGRAM, Observatory, ended, eventually, free_port

import cerro

PAGE = Path(__file__).parents[1] / "README.md"
SOURCE = str(PAGE.parent / "src")
#: A vendor's library, of which the page has only the name.
VENDOR = """
class vendor:
    def read():
        return {"stage": 4.2, "shield": 50.0}
"""


def pieces():
    """The pieces of Python on the page."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


class ReadmeTest(unittest.TestCase):
    """A site with the instances of the demo site that the page is about."""

    @classmethod
    def setUpClass(cls):
        port = free_port()
        emulator = subprocess.Popen(
            [PROGRAM, "emulate", "lakeshore372", "--port", str(port)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        cls.addClassCleanup(ended, emulator)
        arguments = f'{{address: "127.0.0.1:{port}", period: 100 ms}}'
        cls.here = Observatory(
            archive="{directory: archive, rotate: 1 s}",
            agents={
                "aggregator": AGENTS["aggregator"], "reader": AGENTS["reader"],
                "fake-1": AGENTS["fake-1"],
                "host-1": "{class: HostMetrics, id: host-1, start: [acquire], "
                "arguments: {period: 200 ms}}",
                "cryo-1": "{class: Lakeshore372, id: cryo-1, start: [acquire], "
                f"arguments: {arguments}}}",
            },
        )
        cls.addClassCleanup(cls.here.close)
        cls.site = cerro.Site(registry=cls.here.registry)
        cls.addClassCleanup(cls.site.close)
        eventually(cls.has_data)

    @classmethod
    def has_data(cls):
        """Whether there are samples of what the page reads, and a sealed file with some."""
        try:
            lines = cls.site.get_data(["host-1.load.*", "cryo-1.temperatures.*"], -600).timelines
        except cerro.CerroError:
            return False
        return len(lines) == 2 and cls.sealed() is not None

    @classmethod
    def sealed(cls):
        """A sealed file with rows of cryo-1."""
        from cerro.archive import SealedFile

        for path in sorted((cls.here.folder / "archive").glob("????/??/??/*.cerro")):
            if SealedFile(path).timeline("cryo-1.temperatures"):
                return path.relative_to(cls.here.folder)
        return None

    def start(self, code):
        """Runs some code as a script at the site."""
        return subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=self.here.folder,
            env={**os.environ, "CERRO_SITE": str(self.here.site), "PYTHONPATH": SOURCE},
        )

    def test_each_piece_prints_what_the_page_says(self):
        found = [piece for piece in pieces() if "agent.run" not in piece]
        self.assertEqual(len(found), 4)
        for code in found:
            code = re.sub(r'"archive/\d.*?\.cerro"', f'"{self.sealed()}"', code)
            with self.subTest(code.splitlines()[0]):
                process = self.start(code)
                out, err = process.communicate(timeout=2 * PATIENCE)
                self.assertEqual((process.returncode, err), (0, ""), code)
                lines = iter(out.splitlines())
                for expected in re.findall(r"#> (.*)", code):
                    self.assertIn(expected, lines)

    def test_the_agent_publishes(self):
        (code,) = [piece for piece in pieces() if "agent.run" in piece]
        process = self.start(VENDOR + code)
        self.addCleanup(process.communicate, timeout=PATIENCE)
        self.addCleanup(process.terminate)
        with self.here.client("thermo-1") as client:
            client.wait_alive(PATIENCE)
            client.acquire.stop()
            client.acquire.wait(timeout=PATIENCE)
            self.assertEqual(client.acquire.start(period=0.1).status, cerro.OK)
            for name, _, value in self.site.live("thermo-1.temperatures", timeout=PATIENCE):
                self.assertEqual((name, value), ("thermo-1.temperatures.stage", 4.2))
                break


if __name__ == "__main__":
    unittest.main()
