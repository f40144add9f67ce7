"""The example scripts, as people run them."""

import importlib.util
import os
import subprocess
import sys
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

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
                 "thermo-1.temperatures.stage", "--hold", "3"]
        code, out, err = self.run_script(
            "ramp_heater.py", "thermo-1", *watch, "--steps", "0", "--limit", "100", "--with",
            "pause=0",
        )
        self.assertEqual((code, out, err), (0, "watts = 0\n", ""))
        code, out, err = self.run_script(
            "ramp_heater.py", "thermo-1", *watch, "--steps", "1", "--limit", "3", "--with",
            "pause=0",
        )
        # It was too hot before the first step.
        self.assertEqual((code, out), (1, "watts = 0\n"))
        self.assertIn("aborted: thermo-1.temperatures.stage is", err)
        code, out, err = self.run_script(
            "ramp_heater.py", "thermo-1", *watch, "--steps", "1", "--limit", "4.7", "--with",
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


class HoldTest(unittest.TestCase):
    """Nobody heats blindly: what the ramp takes for a temperature."""

    def setUp(self):
        found = importlib.util.spec_from_file_location("ramp_heater", EXAMPLES / "ramp_heater.py")
        self.script = importlib.util.module_from_spec(found)
        found.loader.exec_module(self.script)

    def hold(self, values, seconds=60):
        """How many samples, one a second, it took to hold; or why it did not."""
        clock = iter(range(len(values) + 1))
        heard = []

        def live(field, timeout):
            self.assertEqual((field, timeout), ("a.f.t", 15))
            for value in values:
                heard.append(value)
                yield SimpleNamespace(value=value)

        with mock.patch.object(self.script.time, "monotonic", lambda: next(clock)):
            try:
                self.script.hold(SimpleNamespace(live=live), seconds, "a.f.t", 4.5, 15)
            except self.script.TooHot as reason:
                return len(heard), str(reason)
        return len(heard), None

    def test_samples_without_a_value_are_silence(self):
        silence = "no value of a.f.t came for 15 s, so nobody knows how hot it is"
        for nothing in None, float("nan"):
            self.assertEqual(self.hold([nothing] * 100), (16, silence))
            self.assertEqual(self.hold([4.2] * 10 + [nothing] * 90), (26, silence))
        self.assertEqual(self.hold([4.2] * 5), (5, silence))

    def test_a_value_counts_until_the_next(self):
        self.assertEqual(self.hold(([4.2] + [None] * 9) * 10), (60, None))
        self.assertEqual(self.hold([None, 4.2, 4.2], seconds=0), (2, None))
        self.assertEqual(self.hold([4.2, None, 4.6]), (3, "a.f.t is 4.6, above 4.5"))


if __name__ == "__main__":
    unittest.main()
