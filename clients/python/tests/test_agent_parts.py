"""The pure parts of an agent: sessions, faults, parameters, requests, the lease."""

import logging
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cerro import Agent, Field, KeyMissing, Parameter, limits, wire  # noqa: E402
from cerro.agent import bytes_of  # noqa: E402
from cerro.agent.access import AccessFile, AccessTable  # noqa: E402
from cerro.agent.audit import AuditBook, Caller, ControlDesk, entry_of  # noqa: E402
from cerro.agent.book import Fault, FaultBook, Operation, Refusal, SessionBook  # noqa: E402
from cerro.agent.gate import OpenGate  # noqa: E402
from cerro.agent.handle import Session as Handle  # noqa: E402
from cerro.agent.lease import Lease  # noqa: E402
from cerro.agent.ledger import RequestLedger  # noqa: E402
from cerro.agent.parameters import ParameterError, checked, parameters_of  # noqa: E402
from cerro.agent.runtime import Runtime  # noqa: E402
from cerro.agent.state import Settings  # noqa: E402
from cerro.spool import LogError  # noqa: E402


class BookTest(unittest.TestCase):
    """Sessions go forward only; a refusal touches nothing."""

    def setUp(self):
        self.book = SessionBook([
            Operation("acquire", "process", None, []),
            Operation("move", "task", None, [], "", True), Operation("beep", "task", None, []),
        ])

    def test_a_session_goes_from_starting_to_done(self):
        session = self.book.begin("acquire", 5)
        self.assertEqual(self.book.summary, {"acquire": "starting", "move": "idle", "beep": "idle"})
        self.assertTrue(self.book.mark_running(session))
        self.assertFalse(self.book.mark_running(session))
        self.assertTrue(self.book.set_degraded(session, "silent"))
        self.assertFalse(self.book.set_degraded(session, "silent"))
        self.assertTrue(self.book.set_degraded(session, None))
        self.book.end("acquire", "process")
        self.assertFalse(self.book.set_degraded(session, "late"))
        self.assertTrue(self.book.finish(session, None, 9))
        self.assertFalse(self.book.finish(session, "again", 10))
        self.assertEqual((session.success, session.end), (True, 9))
        self.assertEqual(self.book.summary["acquire"], "succeeded")

    def test_refusals(self):
        with self.assertRaises(Refusal) as caught:
            self.book.begin("sing", 0)
        self.assertEqual(caught.exception.code, "operation.unknown")
        for name, kind, code in [
            ("acquire", "process", "operation.idle"),
            ("acquire", "task", "operation.not-abortable"),
            ("move", "process", "operation.not-abortable"), ("move", "task", "operation.idle"),
        ]:
            with self.assertRaises(Refusal) as caught:
                self.book.end(name, kind)
            self.assertEqual(caught.exception.code, code, (name, kind))
        first = self.book.begin("beep", 0)
        with self.assertRaises(Refusal) as caught:
            self.book.begin("beep", 1)
        self.assertEqual(caught.exception.result["session"]["session"], first.id)
        with self.assertRaises(Refusal) as caught:
            self.book.end("beep", "task")
        self.assertEqual(caught.exception.code, "operation.not-abortable")
        self.book.begin("move", 0)
        self.book.end("move", "task")
        with self.assertRaises(Refusal) as caught:
            self.book.end("move", "task")
        self.assertEqual(caught.exception.code, "operation.busy")

    def test_what_is_kept_is_bounded(self):
        ids = []
        for number in range(25):
            session = self.book.begin("beep", number)
            ids.append(session.id)
            self.book.finish(session, None, number)
        self.assertEqual([s.id for s in self.book.history("beep")], ids[-20:])
        self.assertIsNone(self.book.session("beep", ids[0]))
        for number in range(150):
            self.book.add_message(session, "x" * 3000, number)
        self.assertEqual(len(session.messages), limits.MESSAGES_PER_SESSION)
        self.assertEqual(session.messages[0], (50, "x" * limits.MESSAGE_LENGTH))
        for number in range(limits.DATA_ENTRIES):
            self.book.set_data(session, f"k{number}", 1)
        for key, value in [("more", 1), ("k1", b"x" * limits.DATA_BYTES)]:
            with self.assertRaises(ValueError):
                self.book.set_data(session, key, value)

    def test_a_fault_is_raised_once_keeps_its_begin_and_is_cleared_once(self):
        book = FaultBook()
        self.assertIsNotNone(book.raise_(Fault("a", "warning", 5, "x", "")))
        self.assertIsNone(book.raise_(Fault("a", "warning", 6, "y", "")))
        self.assertEqual(book.raise_(Fault("a", "error", 7, "z", "")).since, 5)
        self.assertEqual([(f["text"], f["since"]) for f in book.open], [("z", 5)])
        self.assertIsNotNone(book.clear("a"))
        self.assertIsNone(book.clear("a"))
        with self.assertRaisesRegex(ValueError, "expected warning, error or critical"):
            book.raise_(Fault("a", "bad", 5, "x", ""))


class ParameterTest(unittest.TestCase):
    """Declared once, checked before anything starts."""

    def test_types_come_from_annotations_and_defaults(self):
        def body(session, a: float, b=3, c: str = Parameter("x", choices=["x", "y"]), *, d=False):
            """For its signature only."""

        found = [(p.name, p.type, p.value["default"], p.value["required"])
                 for p in parameters_of(body)]
        self.assertEqual(found, [
            ("a", "double", None, True), ("b", "int", 3, False), ("c", "string", "x", False),
            ("d", "bool", False, False),
        ])
        self.assertEqual(
            checked(parameters_of(body), {"a": 1, "b": 2.0}),
            {"a": 1.0, "b": 2, "c": "x", "d": False},
        )
        for given in ({"a": float("nan")}, {"a": True}, {"a": 1, "b": 1.5}, {"a": 1, "z": 1}, [],
                      {"a": 1, "c": "z"}, {"a": 1, "d": 1}, {}):
            with self.subTest(given), self.assertRaises(ParameterError):
                checked(parameters_of(body), given)

    def test_what_cannot_be_declared(self):
        agent = Agent("a-1")
        for function in (lambda session, x: None, lambda session, *more: None,
                         lambda session, x=None: None):
            with self.assertRaises(TypeError):
                agent.task("t")(function)
        with self.assertRaises(ParameterError):
            agent.task("t")(lambda session, x=Parameter(5.0, range=(0, 1)): None)
        with self.assertRaisesRegex(ValueError, "the instance is named 'a.b'"):
            Agent("a.b")
        agent.feed("f", {"x": "K"})
        for name, fields in [("f", {"x": "K"}), ("sessions", {"x": "K"}), ("g", {}),
                             ("g", [Field("x", "complex")]), ("g", {"x.y": None})]:
            with self.subTest(name=name, fields=fields), self.assertRaises(ValueError):
                agent.feed(name, fields)

    def test_sizes(self):
        self.assertEqual([bytes_of("1 GiB"), bytes_of("64MB"), bytes_of("1.5 KiB")],
                         [1 << 30, 64_000_000, 1536])
        with self.assertRaisesRegex(Exception, "such as `512 MiB`"):
            bytes_of("many")


class LedgerTest(unittest.TestCase):
    """A request runs once or not at all."""

    def setUp(self):
        self.ledger = RequestLedger("a", lambda: 7)

    def ask(self, id=1, peer=b"p", now=100, monotonic=0.0, **more):
        request = wire.Request(bytes([id]) * 16, "start", "a", 7, None, {})._replace(**more)
        return self.ledger.admit(request, peer, now, monotonic)

    def test_a_repetition_joins_and_is_answered(self):
        self.assertEqual(self.ask(), ("run", None))
        self.assertEqual(self.ask(peer=b"q"), ("joined", None))
        self.assertEqual(self.ledger.finish(bytes([1]) * 16, b"reply", 0.0), [b"q"])
        self.assertEqual(self.ask(expiry=1), ("answered", b"reply"))
        for more in ({"arguments": {"x": 1}}, {"asker": ["eve", None, None]}):
            self.assertEqual(self.ask(**more)[1][0], "request.duplicate-id")
        request = wire.Request(bytes([1]) * 16, "start", "a", 7, None, {})
        found = self.ledger.admit(request, b"p", 100, 0.0, "another key")
        self.assertEqual(found[1][0], "request.duplicate-id")

    def test_what_is_stale(self):
        for more in ({"epoch": 6}, {"epoch": 0}, {"target": "b"}, {"expiry": 99}):
            self.assertEqual(self.ask(**more)[1][0], "request.stale", more)
        self.assertEqual(self.ask(expiry=100), ("run", None))
        self.assertEqual(self.ask(action="status", epoch=0), ("run", None))
        self.assertEqual(self.ask(action="status", epoch=0), ("run", None))
        self.assertEqual(self.ask(action="status", epoch=6)[0], "refused")

    def test_it_forgets_what_is_old_but_not_the_last_ones(self):
        def id_of(number):
            return number.to_bytes(16, "big")

        for number in range(1500):
            request = wire.Request(id_of(number), "start", "a", 7, None, {})
            self.ledger.admit(request, b"p", 0, 0.0)
            self.ledger.finish(request.id, b"r", 0.0)
        later = limits.REMEMBERED_FOR + 1
        self.assertEqual(self.ask(200, monotonic=later), ("run", None))
        old, young = (wire.Request(id_of(n), "start", "a", 7, None, {}) for n in (3, 1499))
        self.assertEqual(self.ledger.admit(old, b"p", 0, later)[0], "run")
        self.assertEqual(self.ledger.admit(young, b"p", 0, later)[0], "answered")


class AccessTest(unittest.TestCase):
    """The one place where it is decided who may do what."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "access.yaml"
        self.keys = {name: f"{number:064x}" for number, name in enumerate("abcde", 1)}
        self.write(f"""
instances:
  - {{id: agg, key: {self.keys["a"]}}}
  - {{id: reader, key: {self.keys["b"]}, vouches: true}}
people:
  - name: ann
    key: {self.keys["c"]}
    grants: [{{role: operate, instances: ["cryo-*"], operations: ["set_*"]}}, {{role: observe}}]
  - {{name: eve, key: {self.keys["d"]}, grants: [{{role: admin}}]}}
tokens:
  - {{id: "t1", name: web, hash: "x", expires: "1970-01-01T00:00:02Z", grants: [{{role: operate}}]}}
revoked:
  - {{name: eve, key: {self.keys["d"]}, at: "2026-01-01T00:00:00Z"}}
""")
        self.file = AccessFile(folder.name)

    def write(self, text):
        self.path.write_text(text)
        self.path.chmod(0o644)

    def may(self, who, needs, operation="set_heater", instance="cryo-1", now=0, asker=None):
        table = self.file.table
        caller = table.caller(self.keys.get(who), asker, "10.0.0.9")
        return table.refusal(caller, needs, instance, operation, now) is None

    def test_who_may_do_what(self):
        for who, needs, more, expected in [
            ("c", "operate", {}, True), ("c", "engineer", {}, False), ("c", "observe", {}, True),
            ("c", "operate", {"operation": "acquire"}, False),
            ("c", "operate", {"instance": "fake-1"}, False),
            ("c", "observe", {"instance": "fake-1"}, True), ("c", "instance", {}, False),
            ("a", "instance", {}, True), ("a", "observe", {}, True), ("a", "operate", {}, False),
            ("d", "observe", {}, False), ("e", "observe", {}, False),
            ("b", "operate", {"asker": ["web", "t1", "10.0.0.8"]}, True),
            ("b", "operate", {"asker": ["web", "t1", None], "now": 2 * 10**9}, False),
            ("b", "operate", {"asker": ["web", "t9", None]}, False),
            ("b", "operate", {"asker": ["someone", None, None]}, False),
            ("b", "observe", {"asker": ["someone", None, None]}, True),
            # Who does not vouch is taken for what its key says.
            ("a", "operate", {"asker": ["web", "t1", None]}, False),
            (None, "operate", {"asker": ["ann", None, None]}, False),
        ]:
            with self.subTest(who=who, needs=needs, **more):
                self.assertEqual(self.may(who, needs, **more), expected)
        self.assertIsNone(AccessTable(is_open=True).refusal(Caller(), "admin", "x", "y", 0))

    def test_a_changed_file_holds_and_a_broken_one_does_not(self):
        self.assertFalse(self.file.refresh())
        for text, words in [
            ("people: [{name: x}]", "'key'"), ("people: [{name: x, key: zz}]", "hexadecimal"),
            ("people: 7", "not to be used"), ("a: [", "not to be used"),
            (f"people: [{{name: x, key: {'0' * 64}, grants: [{{role: king}}]}}]", "the role king"),
        ]:
            self.write(text)
            with self.subTest(text), self.assertRaisesRegex(KeyMissing, words):
                self.file.refresh()
            self.assertTrue(self.may("c", "operate"))
        self.write(f"people: [{{name: zoe, key: {self.keys['e']}, grants: [{{role: admin}}]}}]\n")
        self.assertTrue(self.file.refresh())
        self.assertTrue(self.may("e", "admin"))
        self.assertFalse(self.may("c", "observe"))
        self.path.chmod(0o666)
        self.write("")
        self.path.chmod(0o666)
        with self.assertRaisesRegex(KeyMissing, "chmod 644"):
            self.file.refresh()


class ControlTest(unittest.TestCase):
    """One caller has control, until it ends by itself."""

    def test_a_life(self):
        desk, ann, bob = ControlDesk(), Caller("ann", "key:1"), Caller("bob", "key:2")
        desk.check(bob)
        desk.take(ann, {"reason": "work", "duration_ns": 2 * 10**9}, "no", 5, 1.0)
        self.assertEqual(desk.value["until"], 5 + 2 * 10**9)
        desk.check(ann)
        for act in (lambda: desk.check(bob), lambda: desk.release(bob, {}, None),
                    lambda: desk.take(bob, {"reason": "x"}, None, 6, 1.0)):
            with self.assertRaisesRegex(Refusal, "ann has control: work"):
                act()
        with self.assertRaisesRegex(Refusal, "only admins"):
            desk.release(bob, {"break": True}, "only admins")
        self.assertFalse(desk.expire(2.9))
        self.assertTrue(desk.expire(3.0))
        desk.take(bob, {"reason": "x"}, None, 6, 1.0)
        desk.take(ann, {"reason": "y", "break": True}, None, 7, 1.0)
        self.assertEqual(desk.value["holder"], "ann")
        for arguments in ({}, {"reason": ""}, {"reason": "x" * 201},
                          {"reason": "x", "duration_ns": 1}):
            with self.assertRaises(Refusal):
                desk.take(ann, arguments, None, 7, 1.0)
        self.assertTrue(desk.release(ann, {}, None))
        self.assertFalse(desk.release(ann, {}, None))

    def test_the_audit(self):
        book = AuditBook()
        request = wire.Request(
            bytes(16), "start", "a", 7, None,
            {"operation": "login", "parameters": {"pin": 5, "api_key": "k", "n": [{"token": 1}]}},
        )
        entry = entry_of(request, Caller("ann", "key:" + "ab" * 32), "started", ["pin"])
        self.assertEqual(
            entry.parameters, '{"pin":"(secret)","api_key":"(secret)","n":[{"token":"(secret)"}]}'
        )
        self.assertEqual(entry.who, "ann (key abababab…)")
        book.begin(entry, 3, 1.0)
        self.assertEqual([(e.outcome, e.reason, e.duration) for e in book.end(3, "no", 3.5)],
                         [("failed", "no", 2.5)])
        self.assertEqual(book.end(3, None, 4), [])
        listed = sum(book.lists(5.0) for _ in range(100))
        self.assertEqual(listed, limits.AUDITED_REFUSALS)
        self.assertIsNone(book.summary(6.0))
        self.assertIn("40 more", book.summary(66.0).reason)
        long = request._replace(arguments={"parameters": {"x": "y" * 5000}})
        self.assertIn("too many for the audit", entry_of(long, Caller(), "started").parameters)


class SpoolFaultTest(unittest.TestCase):
    """What is wrong with the spool is a fault, as long as it is."""

    def setUp(self):
        logging.disable()
        self.addCleanup(logging.disable, logging.NOTSET)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        agent = Agent("a-1")
        self.feed = agent.feed("f", [Field("t", "string")])
        settings = Settings(
            "a-1", "Python", "tcp://127.0.0.1:9", f"{folder.name}/spool", 64 << 10, "127.0.0.1",
            "127.0.0.1", (0, 0), (), "here",
        )
        self.runtime = Runtime(settings, [], [self.feed], OpenGate())
        self.addCleanup(self.runtime._ear.close)
        self.addCleanup(self.runtime._bell.close)
        self.addCleanup(self.runtime.log.close)

    def publish(self, count):
        session = Handle(self.runtime, None)
        for _ in range(count):
            session.publish(self.feed, ["x" * 1000])

    def faults(self):
        self.runtime.watch_spool()
        return {fault["id"]: fault["severity"] for fault in self.runtime.faults.open}

    def test_a_spool_that_fills(self):
        self.assertEqual(self.faults(), {})
        self.publish(40)
        self.assertEqual(self.faults(), {"spool.filling": "warning"})
        self.publish(60)
        self.assertEqual(self.faults()["spool.full"], "critical")

    def test_a_fetch_gathers_what_follows_the_first_record(self):
        requests, log, answers = self.runtime.requests, self.runtime.log, []

        def fetch(gather_ms):
            arguments = {
                "archive": "a" * 32, "epoch": log.epoch, "after": log.newest, "crc": 0,
                "committed_epoch": 0, "committed": 0, "max_bytes": 1 << 20, "wait_ms": 1_000,
                "gather_ms": gather_ms,
            }
            call = mock.Mock(id=b"1", request=mock.Mock(arguments=arguments), arguments=arguments)
            with mock.patch("time.monotonic", return_value=100.0):
                requests._do_fetch(call, arguments)

        def look(now):
            requests.answer_due(now)
            return answers

        def finish(_peer, _id, _code, _text, answer):
            answers.append(answer["count"])

        with mock.patch.object(requests, "_finish", side_effect=finish):
            fetch(200)
            due = round(requests.due(), 6)
            self.assertEqual((look(100.1), due), ([], 100.84), "the last beat within the wait")
            self.publish(1)
            look(100.11)
            self.publish(2)
            self.assertEqual((look(100.23), round(requests.due(), 6)), ([], 100.24))
            self.assertEqual(look(100.25), [3])
            fetch(200)
            self.assertEqual(look(100.85), [3, 0], "nothing came")
            fetch(0)
            self.publish(1)
            self.assertEqual(look(100.01), [3, 0, 1])

    def test_a_disk_that_refuses(self):
        full = OSError(28, "No space left on device")
        with mock.patch("cerro.spool.tables.write_all", side_effect=full):
            with self.assertRaises(LogError):
                self.publish(1)
        self.assertEqual(self.faults(), {"spool.unwritable": "critical"})
        self.publish(1)
        self.assertEqual(self.faults(), {})


class LeaseTest(unittest.TestCase):
    """Register, then a heartbeat each second; nothing stops while the registry is away."""

    def test_a_life(self):
        lease = Lease(0.0)
        self.assertEqual(lease.action(0.0), "register")
        self.assertFalse(lease.may_begin(0.0))
        self.assertFalse(lease.answered("lease.wait", 0.01))
        self.assertEqual(lease.due(), limits.LEASE_RETRY)
        self.assertEqual(lease.action(0.2), "register")
        self.assertFalse(lease.answered("ok", 0.21))
        self.assertTrue(lease.may_begin(0.21))
        self.assertEqual((lease.due(), lease.shows_lease), (1.0, True))
        self.assertEqual(lease.action(1.0), "heartbeat")
        lease.answered("lease.unknown", 1.01)
        self.assertEqual(lease.action(1.2), "register")
        self.assertTrue(lease.answered("lease.held", 1.21))

    def test_without_a_registry(self):
        lease = Lease(0.0)
        lease.action(0.0)
        lease.unanswered("no connection", 0.0)
        self.assertEqual((lease.due(), lease.may_begin(9.9)), (limits.LEASE_RETRY, False))
        self.assertTrue(lease.may_begin(10.1))
        self.assertTrue(lease.is_alone(10.1))
        lease.action(10.2)
        lease.answered("ok", 10.3)
        self.assertFalse(lease.is_alone(10.3))


if __name__ == "__main__":
    unittest.main()
