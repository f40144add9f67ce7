"""The command API against real processes."""

import inspect
import re
import threading
import unittest

from observatory import shared

import cerro
from cerro import ERROR, OK, TIMEOUT, OCSClient


class CommandTest(unittest.TestCase):
    """What a script does with an agent."""

    @classmethod
    def setUpClass(cls):
        cls.site = shared()

    def setUp(self):
        self.client = self.site.client("fake-2")
        self.addCleanup(self.client.close)

    def test_a_task_is_started_and_waited_for(self):
        status, message, session = self.client.delay_task(delay=0.01)
        self.assertEqual(status, OK, message)
        self.assertEqual(
            {**session, "session_id": 0, "start_time": 0, "end_time": 0},
            {
                "session_id": 0, "op_name": "delay_task", "op_code": 5, "status": "done",
                "degraded": False, "reason": "", "success": True, "start_time": 0, "end_time": 0,
                "data": {"progress": 1.0}, "messages": [],
            },
        )
        self.assertGreater(session["end_time"], session["start_time"])
        self.assertGreater(session["start_time"], 1.7e9)

    def test_the_registry_of_another_site_lets_nobody_in(self):
        text = self.site.site.read_text(encoding="utf-8")
        other = self.site.folder / "other.yaml"
        other.write_text(re.sub("(?m)^site: .*$", "site: other", text), encoding="utf-8")
        with self.assertRaisesRegex(cerro.Refused, "this is the registry of site"):
            cerro.CerroClient("fake-2", site=str(other)).delay_task.status()

    def test_the_phrases_of_an_ocs_script(self):
        client = OCSClient(
            "fake-2", privs=None, args=["--site-http", "x", "--site-file", str(self.site.site)]
        )
        self.addCleanup(client.close)
        self.assertEqual(client.delay_task.start(delay=60).status, OK)
        self.assertEqual(client.delay_task.wait(timeout=0.01).status, TIMEOUT)
        busy = client.delay_task.start(delay=60)
        self.assertEqual((busy.status, busy.code), (ERROR, "operation.busy"))
        self.assertIn("runs already", busy.msg)
        self.assertEqual(busy.session["op_code"], cerro.OpCode.RUNNING)
        self.assertEqual(client.delay_task.abort().status, OK)
        reply = client.delay_task.wait()
        self.assertEqual((reply.status, reply.session["status"]), (OK, "done"))

    def test_a_process_runs_until_it_is_stopped(self):
        count = self.client.count
        self.assertEqual(count.stop().code, "operation.idle")
        self.assertEqual(count.start().status, OK)
        self.assertIn(count().session["status"], ("starting", "running"))
        self.assertEqual(count.stop().status, OK)
        self.assertTrue(count.wait(timeout=10).succeeded)
        self.assertGreaterEqual(len(count.history()), 1)

    def test_what_fails_is_told_apart_from_what_is_refused(self):
        failed = self.client.delay_task(delay=0.001, succeed=False)
        self.assertEqual((failed.status, failed.session["success"]), (OK, False))
        with self.assertRaises(cerro.OperationFailed) as caught:
            failed.check()
        self.assertEqual(caught.exception.session["op_name"], "delay_task")
        refused = self.client.delay_task(delay=-1)
        self.assertEqual((refused.status, refused.session), (ERROR, {}))
        self.assertIn("expected a number from 0.0 to 86400.0", refused.message)
        with self.assertRaises(cerro.InvalidParameter):
            refused.check()
        with self.assertRaises(cerro.InvalidParameter):
            self.client.delay_task.start(nonsense=1).check()

    def test_a_session_is_followed_to_its_end(self):
        self.client.delay_task.start(delay=0.3)
        seen = list(self.client.delay_task.follow(period=0.05))
        self.assertEqual(seen[-1]["status"], "done")
        self.assertTrue(seen[-1]["success"])
        progress = [session["data"].get("progress", 0) for session in seen]
        self.assertEqual(progress, sorted(progress))
        self.assertGreater(len(set(progress)), 1)
        self.assertEqual(len({session["session_id"] for session in seen}), 1)

    def test_a_long_wait_holds_nobody_up(self):
        self.client.delay_task.start(delay=60)
        found = []
        waiting = threading.Thread(target=lambda: found.append(self.client.delay_task.wait()))
        waiting.start()
        self.assertEqual(self.client.delay_task.abort().status, OK)
        waiting.join(20)
        self.assertEqual(found[0].session["status"], "done")

    def test_help_signature_and_completion_come_from_the_agent(self):
        self.assertTrue({"acquire", "count", "delay_task"} <= set(dir(self.client)))
        task = self.client.delay_task
        self.assertEqual(
            str(inspect.signature(task)), "(*, delay: float = 5.0, succeed: bool = True)"
        )
        self.assertIn("delay (double in s, 0 to 86400, else 5.0)", inspect.getdoc(task))
        self.assertEqual(repr(task), "<task delay_task of fake-2>")
        self.assertIn("fake-2", repr(self.client))
        with self.assertRaisesRegex(AttributeError, "there are acquire, count, delay_task"):
            self.client.nonsense
        self.assertFalse(hasattr(self.client.count, "abort"))
        self.assertFalse(hasattr(task, "stop"))

    def test_errors_say_what_to_do(self):
        with self.assertRaisesRegex(cerro.UnknownInstance, "did you mean fake-1, fake-2"):
            self.site.client("fake").describe()
        nobody = cerro.CerroClient("fake-1", registry="tcp://127.0.0.1:9", timeout=0.05)
        with self.assertRaisesRegex(cerro.Unreachable, "nothing was asked"):
            nobody.acquire
        self.assertTrue(issubclass(cerro.Stale, cerro.CerroError))


if __name__ == "__main__":
    unittest.main()
