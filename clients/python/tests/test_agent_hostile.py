"""Peers of an agent in Python that send nonsense: it refuses or drops it, and works on."""

import random
import unittest

import zmq
from hostile import mutated
from observatory import PATIENCE, shared
from test_agent import AgentProcess

from cerro import wire
from cerro.sockets import dealer

SEEDS = 1_500


class AgentFuzzTest(unittest.TestCase):
    """Requests with one thing that is wrong, to the counting agent."""

    @classmethod
    def setUpClass(cls):
        cls.agent = AgentProcess("py-hostile", 0)
        cls.addClassCleanup(cls.agent.end)
        cls.client = shared().client("py-hostile")
        cls.addClassCleanup(cls.client.close)
        cls.row = cls.client.wait_alive(PATIENCE)

    def requests(self):
        """An action and arguments that are possible, for each thing that can be asked."""
        epoch = self.row["epoch"]
        fetch = {"archive": "a" * 32, "epoch": epoch, "after": 0, "crc": 0, "committed": [epoch, 0],
                 "max_bytes": 1_000, "wait_ms": 1}
        return [
            ("start", {"operation": "work", "parameters": {"seconds": 0.0, "how": "well"}}),
            ("start", {"operation": "hot", "parameters": {"value": 1.0}, "wait_ns": 1_000}),
            ("stop", {"operation": "stubborn"}), ("abort", {"operation": "work"}),
            ("status", {"operation": "work", "session": 1, "history": True}), ("describe", {}),
            ("wait", {"operation": "work", "wait_ns": 1_000, "session": 1}), ("fetch", fetch),
            ("log", {}), ("forget", {"archive": "a" * 32}), ("take", {"reason": "x"}),
            ("release", {}), ("nonsense", {}),
        ]

    def message(self, seed):
        """The bytes of a request; most of them are wrong in one place."""
        dice = random.Random(seed)
        action, arguments = dice.choice(self.requests())
        parts = [action, "py-hostile", self.row["epoch"], None, arguments]
        if dice.random() < 0.9:
            parts = mutated(parts, seed)
        data = bytearray(wire.packed([1, wire.new_id(), *parts]))
        if dice.random() < 0.1:
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        return bytes(data)

    def test_requests_in_which_one_part_is_wrong(self):
        socket = dealer(zmq.Context.instance(), self.row["requests"], None, None)
        self.addCleanup(socket.close)
        self.assertTrue(socket.poll(PATIENCE * 1000, zmq.POLLOUT))
        codes = set()

        def read():
            reply = wire.decode_reply(socket.recv())
            codes.add(reply.code)
            return reply.id

        for seed in range(SEEDS):
            socket.send(self.message(seed))
            while socket.poll(0):
                read()
        last = wire.Request(wire.new_id(), "describe", "py-hostile", 0, None, {})
        socket.send(wire.encode_request(last))
        answered = None
        while answered != last.id:
            self.assertTrue(socket.poll(PATIENCE * 1000))
            answered = read()
        self.assertIsNone(self.agent.process.poll())
        self.assertLessEqual({"ok", "request.malformed", "request.stale", "parameter.invalid",
                              "operation.unknown", "action.unknown", "operation.idle"}, codes)
        self.assertNotIn("internal", codes)
        self.client.release(is_breaking=True)
        self.assertTrue(self.client.work(seconds=0.01).succeeded)


if __name__ == "__main__":
    unittest.main()
