"""An agent in Python with the real registry, aggregator and reader."""

import getpass
import os
import signal
import subprocess
import sys
import threading
import unittest
from pathlib import Path

from observatory import PATIENCE, Observatory, eventually, shared

import cerro
from cerro import wire

SCRIPT = Path(__file__).with_name("counting_agent.py")


class AgentProcess:
    """The counting agent as a process."""

    def __init__(self, instance, run, site=None):
        self.site = site or shared()
        self.instance = instance
        self.spool = self.site.folder / "spool" / instance
        self.side = self.site.folder / f"{instance}.numbers"
        self.start(run)

    def start(self, run):
        """Starts it, and waits until it is alive."""
        self.process = self.launch(run)
        with self.site.client(self.instance) as client:
            eventually(lambda: client.wait_alive(PATIENCE)["pid"] == self.process.pid)

    def launch(self, run):
        """Starts it."""
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), self.instance, self.site.registry, str(self.spool),
             str(self.side), str(run), *filter(None, [self.site.keys])],
            env={**os.environ, "CERRO_HOST": "cryo-pc"},
            stdin=subprocess.DEVNULL, stdout=self.site.log, stderr=self.site.log,
        )

    def published(self):
        """The pairs of run and number that it has published."""
        text = self.side.read_text() if self.side.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        return [tuple(map(int, line.split())) for line in whole.splitlines()]

    def wait_for(self, run, count):
        """Waits until it has published so many in a run."""
        eventually(lambda: sum(pair[0] == run for pair in self.published()) >= count)

    def end(self, number=signal.SIGTERM):
        """Ends it, and returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


class RuntimeTest(unittest.TestCase):
    """What every agent does, whatever it is written in."""

    @classmethod
    def setUpClass(cls):
        cls.agent = AgentProcess("py-1", 0)
        cls.client = shared().client("py-1")
        cls.site = cerro.Site(registry=shared().registry)
        cls.addClassCleanup(cls.site.close)
        cls.addClassCleanup(cls.client.close)
        cls.addClassCleanup(cls.agent.end)

    def test_it_describes_itself(self):
        found = self.client.describe()
        self.assertEqual((found["instance"], found["class"]), ("py-1", "Counting"))
        self.assertEqual(found["host"], "cryo-pc")
        self.assertEqual(
            [feed["feed"] for feed in found["feeds"]],
            ["numbers", "texts", "sessions", "faults", "audit"],
        )
        self.assertEqual(found["feeds"][0]["fields"][2]["limits"], [0.0, 1e6])
        work = self.client.work
        self.assertEqual(
            work.parameters["seconds"],
            {"name": "seconds", "type": "double", "range": [0.0, 3600.0], "choices": None,
             "default": None, "required": True, "unit": "s", "help": "how long",
             "secret": False},
        )
        self.assertEqual(work.parameters["how"]["choices"], ["well", "badly"])

    def test_a_task_is_started_waited_for_and_answered_in_one_trip(self):
        reply = self.client.work(seconds=0.01, times=2)
        self.assertTrue(reply.succeeded, reply)
        self.assertEqual(reply.session["data"], {"progress": 1.0})
        reply = self.client.work(seconds=0, how="badly")
        self.assertEqual(reply.code, "operation.failed")
        self.assertIn("as it was told to", reply.message)

    def test_parameters_are_checked_before_anything_starts(self):
        before = len(self.client.work.history())
        for parameters, words in [
            ({}, "`seconds` is missing; give a number from 0 to 3600 (s)"),
            ({"seconds": -1}, "is -1; expected a number from 0 to 3600"),
            ({"seconds": "1"}, "is `1`; expected a number"),
            ({"seconds": 1, "how": "fast"}, "expected one of well, badly"),
            ({"seconds": 1, "times": 1.5}, "expected an integer"),
            ({"seconds": 1, "dry": 1}, "expected true or false"),
            ({"seconds": 1, "more": 1}, "there is no parameter `more`; there are seconds, how"),
        ]:
            with self.subTest(parameters):
                reply = self.client.work.start(**parameters)
                self.assertEqual(reply.code, "parameter.invalid")
                self.assertIn(words, reply.message)
        self.assertEqual(len(self.client.work.history()), before)

    def test_a_second_start_is_refused_and_an_abort_cuts_it_short(self):
        self.assertEqual(self.client.work.start(seconds=3600).status, cerro.OK)
        self.assertEqual(self.client.work.wait(timeout=0.01).status, cerro.TIMEOUT)
        self.assertEqual(self.client.work.start(seconds=0).code, "operation.busy")
        self.assertEqual(self.client.work.abort().status, cerro.OK)
        reply = self.client.work.wait(timeout=20)
        self.assertTrue(reply.succeeded, reply)
        self.assertEqual([text for _, text in reply.session["messages"]], ["it was cut short"])
        self.assertEqual(self.client.work.abort().code, "operation.idle")
        self.assertEqual(self.client.hot.abort().code, "operation.idle")

    def test_a_degraded_process_is_followed(self):
        self.client.stubborn.start()
        seen = []
        for session in self.client.stubborn.follow():
            seen.append((session["status"], session["degraded"], session["reason"]))
            if session["degraded"]:
                self.client.stubborn.stop()
        self.assertIn(("running", True, "no instrument"), seen)
        self.assertEqual(seen[-1][0], "done")

    def test_faults_are_held_recorded_and_cleared(self):
        self.client.hot(value=2e6)
        faults = {fault["id"]: fault for fault in self.client.status()["faults"]}
        self.assertEqual(faults["hot"]["subject"], "stage")
        self.assertIn("outside of 0 to 1e+06 K", faults["field.limits"]["text"])
        self.client.hot(value=1.0)
        self.assertEqual(self.client.status()["faults"], [])
        names = ["py-1.faults.id", "py-1.faults.open"]

        def recorded():
            found = self.site.get_data(names, -600)
            pairs = list(zip(*(found[name].values.tolist() for name in names)))
            return set(pairs) >= {
                ("hot", True), ("hot", False), ("field.limits", True), ("field.limits", False),
            }

        eventually(recorded)

    def test_every_command_and_every_refusal_is_in_the_audit(self):
        self.client.login(name="me", password="hunter2").check()
        self.assertEqual(self.client.login.start(name="me", password=5).code, "parameter.invalid")
        names = [f"py-1.audit.{name}" for name in (
            "outcome", "action", "operation", "parameters", "reason", "who",
        )]
        who = f"local, claimed {getpass.getuser()[:64]}, unproven"
        secret = '{"name":"me","password":"(secret)"}'

        def recorded():
            found = self.site.get_data(names, -600)
            rows = list(zip(*(found[name].values.tolist() for name in names)))
            reason = "parameter `password` is (secret); expected a text of at most 4,096 bytes"
            return set(rows) >= {
                ("started", "start", "login", secret, "", who),
                ("done", "start", "login", secret, "", who),
                ("refused", "start", "login", secret, reason, who),
            }

        eventually(recorded)

    def test_who_has_control_alone_commands(self):
        taken = self.client.take("a leak is looked for", 60)["control"]
        self.assertEqual((taken["reason"], taken["proof"]), ("a leak is looked for", "local"))
        self.assertEqual(self.client.status()["control"], taken)
        self.assertTrue(self.client.work(seconds=0).succeeded, "it is theirs")
        row = self.client.wait_alive()
        request = wire.Request(
            wire.new_id(), "start", "py-1", row["epoch"], None, {"operation": "work"}, ["eve"],
        )
        reply = self.ask(row, request)
        self.assertEqual((reply.code, reply.result["control"]), ("control.held", taken))
        self.assertIsNone(self.client.release()["control"])
        reply = self.ask(row, request._replace(id=wire.new_id()))
        self.assertEqual(reply.code, "parameter.invalid")
        with self.assertRaisesRegex(cerro.InvalidParameter, "give `reason`"):
            self.client.take("")

    def test_a_request_that_is_sent_twice_runs_once(self):
        row = self.client.wait_alive()
        request = wire.Request(
            wire.new_id(), "start", "py-1", row["epoch"], None,
            {"operation": "work", "parameters": {"seconds": 0.0}, "wait_ns": 10**10},
        )
        before = len(self.client.work.history())
        first = self.ask(row, request)
        self.assertEqual(self.ask(row, request), first)
        self.assertEqual(len(self.client.work.history()), min(20, before + 1))
        other = self.ask(row, request._replace(arguments={"operation": "hot"}))
        self.assertEqual(other.code, "request.duplicate-id")
        for change, words in [
            ({"epoch": row["epoch"] - 1}, "has restarted"), ({"epoch": 0}, "needs the epoch"),
            ({"target": "py-2"}, "this is py-1, not py-2"), ({"expiry": 1}, "too late"),
        ]:
            reply = self.ask(row, request._replace(id=wire.new_id(), **change))
            self.assertEqual(reply.code, "request.stale")
            self.assertIn(words, reply.text)
        self.assertEqual(len(self.client.work.history()), min(20, before + 1))
        reply = self.ask(row, request._replace(id=wire.new_id(), action="dance", epoch=0))
        self.assertIn(reply.code, ("action.unknown", "request.stale"))

    def ask(self, row, request, driver=None):
        from cerro.blocking import BlockingDriver
        from cerro.flows import Ask

        driver = driver or BlockingDriver()
        self.addCleanup(driver.close)
        data, key = wire.encode_request(request), row.get("key") or None
        return driver._exchange(Ask(row["requests"], key, request.id, data, "it", 2, False))

    def test_a_second_process_is_refused_and_told_who_holds_the_instance(self):
        folder = shared().folder / "other"
        code = subprocess.run(
            [sys.executable, str(SCRIPT), "py-1", shared().registry, str(folder),
             str(self.agent.side), "0"],
            capture_output=True, timeout=PATIENCE, check=False,
        )
        self.assertNotEqual(code.returncode, 0)
        self.assertIn(f"held by process {self.agent.process.pid}", code.stderr.decode())

    def test_long_records_are_published_to_fewer_at_a_time(self):
        live = self.site.live("py-1.texts", timeout=PATIENCE)
        seen = []
        listening = threading.Thread(target=lambda: seen.extend(s for s, _ in zip(live, range(1))))
        listening.start()
        # What is live may be missed: those who were there have to come back first.
        eventually(lambda: self.client.long(length=2 << 20).succeeded and len(seen) > 0)
        listening.join(PATIENCE)
        self.assertEqual(len(seen[0].value), 2 << 20)

    def test_garbage_is_dropped_and_the_agent_lives_on(self):
        import zmq

        row = self.client.wait_alive()
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.linger = 1000
            socket.connect(row["requests"])
            for data in (b"", b"\x97", os.urandom(200), b"\xdd\xff\xff\xff\xff"):
                socket.send(data)
            socket.send_multipart([b"two", b"frames"])
            for parts, code, words in [
                ([9, bytes(16), "status"], "request.version", "version 9 is not spoken .* 1 is"),
                ([1, bytes(16), "status"], "request.malformed", "3 parts, expected 7"),
                ([1, bytes(16), "status", "py-1", 0, None, {}, None, "more"], "ok", "^$"),
            ]:
                socket.send(wire.packed(parts))
                self.assertTrue(socket.poll(PATIENCE * 1000))
                reply = wire.decode_reply(socket.recv())
                self.assertEqual((reply.code, reply.id), (code, bytes(16)))
                self.assertRegex(reply.text, words)
        self.assertTrue(self.client.work(seconds=0).succeeded)


class KeysTest(unittest.TestCase):
    """At a site with keys an agent encrypts, lets in who belongs there, and asks for roles."""

    def test_roles_archive_and_revocation(self):
        site = Observatory(instances=["py-3"])
        self.addCleanup(site.close)
        site.call("keys", "new", "bob", "--role", "operate")
        agent = AgentProcess("py-3", 1, site)
        self.addCleanup(agent.end)
        with site.client("py-3") as client:
            self.assertTrue(client.tune().succeeded)
        keys = {"registry": site.registry, "keys": str(site.keys), "name": "bob"}
        bob, whole = cerro.CerroClient("py-3", timeout=2, **keys), cerro.Site(**keys)
        self.addCleanup(bob.close)
        self.addCleanup(whole.close)

        def may_look():
            # access.yaml holds within a second of its change.
            try:
                return bob.count.status().status == cerro.OK
            except cerro.Unreachable:
                return False

        eventually(may_look)
        self.assertTrue(bob.work(seconds=0).succeeded)
        with self.assertRaisesRegex(cerro.Refused, "needs the role `engineer`; bob .* `operate`"):
            bob.tune()
        names = ["py-3.numbers.n", "py-3.audit.outcome", "py-3.audit.name"]

        def is_archived():
            found = whole.get_data(names, -600)
            audit = zip(found[names[1]].values.tolist(), found[names[2]].values.tolist())
            return len(found[names[0]]) > 100 and ("refused", "bob") in set(audit)

        eventually(is_archived)
        row = bob.wait_alive()
        eventually(lambda: bob.wait_alive()["refused"] >= 1)
        site.call("keys", "revoke", "bob")

        def is_out():
            try:
                request = wire.Request(wire.new_id(), "status", "py-3", 0, None, {})
                return RuntimeTest.ask(self, row, request, bob._driver).code == "refused"
            except (cerro.Unreachable, cerro.TimedOut):
                return True

        eventually(is_out)
        with site.client("py-3") as client:
            eventually(lambda: client.tune().succeeded)
        agent.wait_for(1, len(agent.published()) + 10)

    def test_an_agent_off_loopback_without_keys_does_not_start(self):
        with self.assertRaisesRegex(cerro.CerroError, "`cerro keys init`"):
            cerro.Agent("py-4").run(registry="tcp://127.0.0.1:9", spool="/x", address="10.0.0.1")


class DeathTest(unittest.TestCase):
    """Published is archived, once, whoever is killed in between."""

    def test_who_waits_for_an_agent_that_is_killed_is_told(self):
        agent = AgentProcess("py-5", 0)
        with shared().client("py-5") as client:
            client.stubborn.start().check()
            found = []

            def wait():
                try:
                    found.append(client.stubborn.wait())
                except cerro.CerroError as error:
                    found.append(error)

            waiting = threading.Thread(target=wait)
            waiting.start()
            agent.end(signal.SIGKILL)
            agent.start(0)
            self.addCleanup(agent.end)
            waiting.join(PATIENCE)
            self.assertIsInstance(found[0], (cerro.Stale, cerro.ConnectionLost), found)
            self.assertEqual(client.stubborn.status().session, {}, "another life of the agent")

    def test_agent_and_aggregator_are_killed(self):
        site = shared()
        agent = AgentProcess("py-2", 1)
        self.addCleanup(lambda: agent.process.poll() is not None or agent.process.kill())
        agent.wait_for(1, 100)
        agent.end(signal.SIGKILL)
        agent.start(2)
        agent.wait_for(2, 50)
        with site.client("aggregator") as client:
            pid = client.wait_alive(PATIENCE)["pid"]
            os.kill(pid, signal.SIGKILL)
            agent.wait_for(2, 300)
            agent.end(signal.SIGKILL)
            agent.start(3)
            agent.wait_for(3, 50)
            self.assertEqual(agent.end(), 0)
            eventually(lambda: client.wait_alive(PATIENCE)["pid"] != pid)
        # What is not fetched yet is in the spool, and fetched from the next process.
        agent.start(0)
        self.addCleanup(agent.end)
        published = agent.published()
        names = ["py-2.numbers.run", "py-2.numbers.n"]
        with cerro.Site(registry=site.registry) as whole:
            def archived():
                found = whole.get_data(names, -600)
                return list(zip(*(found[name].values.tolist() for name in names))), found.gaps

            def has_all():
                rows = set(archived()[0])
                return rows.issuperset(published)

            eventually(has_all)
            rows, gaps = archived()
        self.assertEqual(len(rows), len(set(rows)), "something is there twice")
        # What was in the log when the process died, and not written down any more.
        extra = sorted(set(rows) - set(published))
        self.assertLessEqual(len(extra), 2, extra)
        self.assertEqual(gaps, [])
        self.assertEqual({run for run, _ in rows}, {1, 2, 3})
        for run in (1, 2, 3):
            numbers = sorted(n for r, n in rows if r == run)
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)))


if __name__ == "__main__":
    unittest.main()
