"""The example scripts, as people run them."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

from observatory import PATIENCE, eventually, shared

EXAMPLES = Path(__file__).parents[1] / "examples"


class ExampleTest(unittest.TestCase):
    """Each does what it says, and its exit code tells."""

    def start(self, script, *words):
        source = str(EXAMPLES.parent / "src")
        return subprocess.Popen(
            [sys.executable, str(EXAMPLES / script), *words, "--site", str(shared().site)],
            env={**os.environ, "PYTHONPATH": source}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def run_script(self, script, *words):
        process = self.start(script, *words)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def test_start_thermometers(self):
        code, out, err = self.run_script("start_thermometers.py", "FakeData")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("fake-1: running, session", out)
        self.assertIn("fake-2: ", out)
        code, _, err = self.run_script("start_thermometers.py", "Nothing")
        self.assertEqual(code, 1)
        self.assertIn("no instance of Nothing", err)

    def test_an_agent_its_ramp_and_the_report_of_its_night(self):
        agent = self.start("vendor_agent.py", "thermo-1")
        self.addCleanup(agent.communicate, timeout=PATIENCE)
        self.addCleanup(agent.terminate)
        with shared().client("thermo-1") as client:
            client.wait_alive(PATIENCE)
            eventually(lambda: client.acquire.status().session.get("status") == "running")
        watch = ["--operation", "ramp", "--parameter", "watts", "--watch",
                 "thermo-1.temperatures.stage", "--hold", "0"]
        code, out, err = self.run_script(
            "ramp_heater.py", "thermo-1", *watch, "--steps", "0", "--limit", "100", "--with",
            "pause=0",
        )
        self.assertEqual((code, out, err), (0, "watts = 0\n", ""))
        code, out, err = self.run_script(
            "ramp_heater.py", "thermo-1", *watch, "--steps", "1", "--limit", "3", "--with",
            "pause=0",
        )
        self.assertEqual((code, out), (1, "watts = 1\nwatts = 0\n"))
        self.assertIn("aborted: thermo-1.temperatures.stage is", err)

        def is_reported():
            code, out, _ = self.run_script(
                "nightly_report.py", "thermo-1.temperatures.*", "--start=-1h"
            )
            return code == 0 and out.count(" samples, ") == 2

        eventually(is_reported)


if __name__ == "__main__":
    unittest.main()
