"""The pure parts: bytes of requests and replies, site files, sessions, flows without sockets."""

import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cerro import wire  # noqa: E402
from cerro.errors import (  # noqa: E402
    NotRunning,
    SiteError,
    Stale,
    TimedOut,
    UnknownInstance,
    Unreachable,
)
from cerro.flows import Connect, Flows, Leave, NotReady, Receive, Subscribe  # noqa: E402
from cerro.operations import OperationFlows  # noqa: E402
from cerro.replies import reply_of, session_of  # noqa: E402
from cerro.site import find, parse  # noqa: E402


class WireTest(unittest.TestCase):
    """What `Wire.md` draws."""

    def test_the_request_of_the_page(self):
        id = bytes(range(16))
        data = wire.encode_request(wire.Request(id, "status", "cryo-1", 0, None, None))
        self.assertEqual(
            data.hex(), "9701c410" + id.hex() + "a6737461747573a66372796f2d3100c0c0"
        )
        self.assertEqual(
            wire.decode_request(data), wire.Request(id, "status", "cryo-1", 0, None, None)
        )

    def test_a_reply_there_and_back(self):
        reply = wire.Reply(bytes(16), "ok", "", {"b": 1, "a": b"x"}, 5, 2**62)
        data = wire.encode_reply(reply)
        self.assertEqual(wire.decode_reply(data), reply)
        self.assertLess(data.index(b"\xa1a"), data.index(b"\xa1b"))
        for end in range(len(data)):
            with self.assertRaises(wire.WireError):
                wire.decode_reply(data[:end])
        long = wire.decode_reply(wire.encode_reply(reply._replace(text="é" * 5000)))
        self.assertEqual(len(long.text.encode()), 8192)

    def test_what_is_no_request(self):
        good = [1, bytes(16), "status", "cryo-1", 0, None, None]
        for place, bad in [
            (1, b"short"), (1, None), (2, ""), (2, "x" * 129), (3, 7), (4, None), (4, True),
            (4, 2**63), (5, "soon"),
        ]:
            parts = list(good)
            parts[place] = bad
            with self.subTest(place=place, bad=bad), self.assertRaises(wire.WireError):
                wire.decode_request(wire.packed(parts))
        for parts in ([], {}, 5, good[:-1], good + [1]):
            with self.assertRaises(wire.WireError):
                wire.decode_request(wire.packed(parts))
        words = "version 2 is not spoken here, version 1 is: install the same release"
        with self.assertRaisesRegex(wire.WireError, words) as caught:
            wire.decode_request(wire.packed([2, bytes(16), "anything"]))
        self.assertEqual(caught.exception.version, 2)
        with self.assertRaises(wire.WireError):
            wire.decode_request(b"\xdd\xff\xff\xff\xff")

    def test_parts_of_a_release_to_come_are_passed_over(self):
        request = wire.Request(bytes(16), "stop", "cryo-1", 7, 5, {"a": 1}, ["alice", None, None])
        more = wire.packed([1, *request, {"new": [1]}, "more"])
        self.assertEqual(wire.decode_request(more), request)
        reply = wire.Reply(bytes(16), "ok", "", None, 5, 7)
        self.assertEqual(wire.decode_reply(wire.packed([1, *reply, None, 5])), reply)

    def test_the_id_of_what_cannot_be_read(self):
        id = bytes(range(16))
        for parts in ([1, id], [2, id, "a"], [-5, id, {}], [2**63 - 1, id, *range(40)]):
            self.assertEqual(wire.id_of(wire.packed(parts)), id)
            self.assertEqual(wire.id_of(wire.packed(parts) + b"\xc1"), id)
        for parts in (
            [], {}, 5, [1], ["1", id], [True, id], [1, id[:-1]], [1, 2 * id], [1, "x" * 16],
        ):
            self.assertIsNone(wire.id_of(wire.packed(parts)), parts)
        whole = wire.packed([1, id, "status"])
        for end in range(20):
            self.assertIsNone(wire.id_of(whole[:end]))

    def test_a_degraded_session(self):
        session = session_of({
            "session": 3, "operation": "acquire", "status": "degraded", "reason": "silent",
            "success": None, "start": 1_500_000_000, "end": None, "data": {},
            "messages": [[5, "x"]],
        })
        self.assertEqual(
            (session["status"], session["degraded"], session["op_code"], session["start_time"]),
            ("running", True, 8, 1.5),
        )
        self.assertEqual(session["messages"], [[5e-9, "x"]])

    def test_a_code_that_is_not_known_is_a_failure(self):
        reply = wire.Reply(bytes(16), "brand.new", "no", None, 0, 0)
        with self.assertRaisesRegex(Exception, "no"):
            reply_of(reply)


class FlowTest(unittest.TestCase):
    """A command is sent once, with the epoch and an expiry on the target's clock."""

    def setUp(self):
        self.clock = 1_000_000_000
        self.flows = Flows("tcp://r:1", now=lambda: self.clock)
        self.asked, self.left = [], []

    def table(self, *rows):
        return "ok", {"version": 1, "rows": list(rows)}

    def row(self, epoch=7, **more):
        return {
            "instance": "cryo-1", "state": "alive", "requests": "tcp://a:2", "epoch": epoch,
            "clock_offset_ns": 50, **more,
        }

    def own(self, age):
        """The row of a registry that began so many seconds ago."""
        return {
            "instance": "registry", "class": "Registry", "state": "alive",
            "requests": "tcp://r:1", "publisher": "tcp://r:3", "since": 0, "seen": age * 10**9,
        }

    def drive(self, flow, *answers):
        """Runs a flow against answers `(code, result)`, or errors to raise."""
        answers = list(answers)
        try:
            ask = next(flow)
            while True:
                if isinstance(ask, (Leave, Subscribe, Connect, Receive)):
                    if isinstance(ask, Leave):
                        self.left.append(ask.endpoint)
                    ask = flow.send(None)
                    continue
                request = wire.decode_request(ask.data)
                self.asked.append((ask, request))
                answer = answers.pop(0)
                if isinstance(answer, Exception):
                    ask = flow.throw(answer)
                    continue
                code, result = answer
                ahead = 100 if request.target == "registry" else 60
                reply = wire.Reply(request.id, code, code, result, self.clock + ahead, 7)
                ask = flow.send(reply)
        except StopIteration as end:
            self.assertEqual(answers, [])
            return end.value

    def test_the_target_is_found_and_its_clock_kept(self):
        ask = self.flows.request("cryo-1", "stop", {"operation": "x"}, 2)
        reply = self.drive(ask, self.table(self.row()), ("ok", None))
        self.assertEqual(reply.code, "ok")
        (_, first), (ask, second) = self.asked
        self.assertEqual((first.action, first.target, first.expiry), ("table", "registry", None))
        self.assertEqual((second.target, second.epoch, ask.endpoint), ("cryo-1", 7, "tcp://a:2"))
        # The registry is 100 ns ahead, the instance 50 ns more by its heartbeats.
        self.assertEqual(second.expiry, self.clock + 150 + 2_000_000_000)
        self.drive(self.flows.request("cryo-1", "status", {}, 1), ("ok", None))
        ask, third = self.asked[-1]
        self.assertTrue(ask.at_once)
        self.assertEqual(third.expiry, self.clock + 60 + 1_000_000_000)

    def test_a_restart_costs_a_look_at_the_table_and_is_asked_once_more(self):
        self.drive(self.flows.request("cryo-1", "stop"), self.table(self.row()), ("ok", None))
        reply = self.drive(
            self.flows.request("cryo-1", "stop"),
            ("request.stale", None), self.table(self.row(epoch=9)), ("ok", None),
        )
        self.assertEqual(reply.code, "ok")
        self.assertEqual([request.epoch for _, request in self.asked[2:]], [7, 0, 9])
        self.assertEqual(len({request.id for _, request in self.asked}), 5)

    def test_a_connection_that_is_gone_costs_a_look_at_the_table(self):
        self.drive(self.flows.request("cryo-1", "stop"), self.table(self.row()), ("ok", None))
        self.drive(
            self.flows.request("cryo-1", "stop"),
            NotReady("gone"), self.table(self.row(requests="tcp://b:3")), ("ok", None),
        )
        self.assertEqual(self.asked[-1][0].endpoint, "tcp://b:3")
        self.assertEqual(self.left, ["tcp://a:2"])

    def test_who_a_registry_misses_that_has_just_begun_is_waited_for(self):
        missing = self.row(state="missing", requests="")
        reply = self.drive(
            self.flows.request("cryo-1", "stop"),
            self.table(self.own(3), missing), self.table(missing),
            self.table(self.own(3), self.row()), ("ok", None),
        )
        self.assertEqual(reply.code, "ok")

    def test_while_the_registry_is_away_who_was_found_is_asked(self):
        self.drive(self.flows.request("cryo-1", "stop"), self.table(self.row()), ("ok", None))
        for away in (Unreachable("no"), TimedOut("no")):
            reply = self.drive(
                self.flows.request("cryo-1", "stop"), NotReady("not yet"), away, ("ok", None)
            )
            self.assertEqual(reply.code, "ok")
            self.assertFalse(self.asked[-1][0].at_once)
        with self.assertRaises(Unreachable):
            self.drive(self.flows.request("cryo-2", "stop"), Unreachable("no"))

    def test_nothing_is_repeated_that_may_have_been_done(self):
        with self.assertRaises(Stale):
            self.drive(
                self.flows.result("cryo-1", "stop"), self.table(self.row()),
                ("request.stale", None),
            )
        self.assertEqual(len(self.asked), 2)

    def test_a_long_wait_is_for_one_session_of_one_life(self):
        going = {"session": {"session": 4, "operation": "x", "status": "running"}}
        done = {"session": {"session": 4, "operation": "x", "status": "done", "success": True}}
        flows = OperationFlows(self.flows, "cryo-1", "x")
        reply = self.drive(
            flows.wait(), self.table(self.row()), ("wait.timeout", going), ("wait.timeout", going),
            ("ok", done),
        )
        self.assertTrue(reply.succeeded)
        waits = [(r.epoch, r.arguments.get("session")) for _, r in self.asked[1:]]
        self.assertEqual(waits, [(7, None), (7, 4), (7, 4)])
        with self.assertRaises(Stale):
            self.drive(flows.wait(), ("wait.timeout", going), ("request.stale", None))

    def test_a_call_starts_once_and_waits_on(self):
        going = {"session": {"session": 4, "operation": "x", "status": "running"}}
        flows = OperationFlows(self.flows, "cryo-1", "x")
        reply = self.drive(
            flows.call({"a": 1}, timeout=30), self.table(self.row()), ("wait.timeout", going),
            ("operation.failed", going),
        )
        self.assertEqual((reply.status, reply.code), (0, "operation.failed"))
        actions = [(r.action, r.arguments.get("session")) for _, r in self.asked[1:]]
        self.assertEqual(actions, [("start", None), ("wait", 4)])
        self.assertEqual(self.asked[1][1].arguments["parameters"], {"a": 1})

    def test_who_is_not_there(self):
        with self.assertRaisesRegex(UnknownInstance, "did you mean cryo-1"):
            self.drive(self.flows.request("cryo", "stop"), self.table(self.row()))
        with self.assertRaisesRegex(NotRunning, "cerro agent run cryo-1"):
            missing = self.row(state="missing")
            self.drive(self.flows.request("cryo-1", "stop"), self.table(self.own(60), missing))


class SiteTest(unittest.TestCase):
    """The registry's address and the keys of a site file."""

    def test_forms_of_the_registry(self):
        for text, expected in [
            ("site: a\n", "tcp://127.0.0.1:5560"),
            ("registry: {address: 10.0.0.1, port: 77} # here\n", "tcp://10.0.0.1:77"),
            ('registry: {address: "10.0.0.1"}\n', "tcp://10.0.0.1:5560"),
            ("registry:\n  # why\n  address: 10.0.0.1\n\n  port: 7\nhosts:\n", "tcp://10.0.0.1:7"),
            ('registry: {port: "${PORT:-12}"}\n', "tcp://127.0.0.1:12"),
            ("registry:\n  address: ${HOST}\n", "tcp://h:5560"),
            ("hosts:\n  x:\n    registry: {port: 9}\n", "tcp://127.0.0.1:5560"),
        ]:
            with self.subTest(text):
                self.assertEqual(parse(text, "s.yaml", {"HOST": "h"}).registry, expected)

    def test_folders_start_at_the_file(self):
        site = parse("keys: keys/\nspool: {directory: /var/s, size: 1 MiB}\n", "/etc/c/s.yaml", {})
        self.assertEqual(site[1:], ("/etc/c/keys/", "/var/s", "1 MiB", ""))

    def test_the_name(self):
        self.assertEqual(parse("site: 'demo' # ours\n", "s.yaml", {}).name, "demo")

    def test_every_site_file_of_the_repository(self):
        root = Path(__file__).parents[3]
        files = [*root.glob("site-config/*.yaml")]
        files += root.glob("Tests/Corpus/site-config/*.good.yaml")
        self.assertGreater(len(files), 2)
        for path in files:
            with self.subTest(path.name):
                environment = dict(os.environ, CERRO_DATA="/d", CERRO_PORT="7")
                self.assertTrue(parse(path.read_text(), str(path), environment).registry)

    def test_what_is_not_understood_is_said(self):
        for text, words in [
            ("registry: &r {port: 1}\n", "s.yaml:1: `registry` is written in a way"),
            ("registry:\n  a:\n    b: c\n", "s.yaml:1: `registry`"),
            ("registry: {port: [1]}\n", "s.yaml:1: `registry`"),
            ("registry: {port: x}\n", "port is x"),
            ("a: b\nregistry: {address: \"${NO}\"}\n", "s.yaml:2: the variable NO is not set"),
            ("keys: {a: b}\n", "s.yaml:1: `keys`"),
        ]:
            with self.subTest(text), self.assertRaisesRegex(SiteError, words):
                parse(text, "s.yaml", {})

    def test_the_order_of_places(self):
        self.assertEqual(find("a", {"CERRO_SITE": "b"}), "a")
        self.assertEqual(find(None, {"CERRO_SITE": "b"}), "b")


if __name__ == "__main__":
    unittest.main()
