"""A server that lies, babbles or says nothing: typed errors, soon, and bounded memory."""

import asyncio
import random
import time
import tracemalloc
import unittest

import msgpack
import zmq
from hostile import Listener, Publisher, Recorder, Server, mutated
from observatory import eventually, shared

import cerro
import cerro.aio
from cerro import limits, wire
from cerro.flows import Flows
from cerro.model import Feed
from cerro.records import DATA, block_body, record_payload
from cerro.samples import Decoder, Patterns
from cerro.scan import ScanError, scan
from cerro.sockets import dealer, subscriber

SEEDS = 120
#: Seconds that an answer may take, and those that no call takes here, whoever answers.
PATIENCE, SOON = 0.2, 20


def calls(client, site):
    """What a script does with an agent and with a site, one after the other."""
    task = client.operations["delay_task"]
    return {
        "describe": lambda: client.describe(),
        "status": lambda: client.status(),
        "start": lambda: task.start(delay=0.0),
        "wait": lambda: task.wait(timeout=PATIENCE),
        "history": lambda: task.history(),
        "take": lambda: client.take("a leak", 60),
        "release": lambda: client.release(),
        "table": lambda: site.instances(),
        "get_fields": lambda: site.get_fields("fake-2", timeout=PATIENCE),
        "get_data": lambda: site.get_data("fake-2.*", -600, timeout=PATIENCE).to_dataframe(),
        "get_data, buckets": lambda: site.get_data(
            "fake-2.*", -600, max_points=5, timeout=PATIENCE
        ).to_dataframe(),
        "gaps": lambda: site.gaps(timeout=PATIENCE),
    }


class FuzzTest(unittest.TestCase):
    """Real answers with one thing that is wrong."""

    @classmethod
    def setUpClass(cls):
        """Has real answers recorded, one for each action."""
        recorder = Recorder()
        with shared().client("fake-2") as client, cerro.Site(registry=shared().registry) as site:
            client.delay_task(delay=0.001).check()
            eventually(lambda: len(site.get_data("fake-2.sessions.*", -600).timelines))
            client._driver = site._driver = recorder
            client.describe()
            for name, call in calls(client, site).items():
                if name == "get_data, buckets":
                    recorder.found["raw"] = recorder.found.pop("get_data")
                call()
            recorder.found["buckets"] = recorder.found.pop("get_data")
            recorder.close()
        cls.real = recorder.found

    def setUp(self):
        self.server = Server(self.answers)
        self.addCleanup(self.server.close)
        self.wrong = None
        self.real_table = self.table()
        self.change = lambda parts: parts

    def table(self):
        """The real table, whose instances are all found at the server."""
        rows = [dict(row) for row in self.real["table"].result["rows"]]
        for row in rows:
            row["requests"] = row["publisher"] = self.server.endpoint
        return {**self.real["table"].result, "rows": rows}

    def answers(self, request):
        """The real answer, changed where it is that action's turn."""
        action = request.action
        if action == "get_data":
            action = "buckets" if "max_points" in request.arguments else "raw"
        reply = self.real.get(action) or self.real["status"]
        result = self.real_table if action == "table" else reply.result
        parts = [1, request.id, reply.code, reply.text, result, reply.clock, reply.epoch]
        if action == self.wrong:
            return [self.change(parts)]
        return [wire.packed(parts)]

    def check(self, call, seed):
        """Only typed errors come of a call, and soon."""
        begin = time.monotonic()
        try:
            call()
        except cerro.CerroError as error:
            self.assertTrue(str(error))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
        self.assertLess(time.monotonic() - begin, SOON, f"seed {seed}")

    def test_answers_in_which_one_part_is_wrong(self):
        actions = ["table", "describe", "status", "start", "wait", "take", "get_fields", "raw",
                   "buckets", "gaps"]
        for seed in range(SEEDS):
            self.wrong = actions[seed % len(actions)]
            self.change = lambda parts, seed=seed: wire.packed(
                [*parts[:2], *mutated(parts[2:5], seed), *parts[5:]]
            )
            client = cerro.CerroClient("fake-2", registry=self.server.endpoint, timeout=PATIENCE)
            site = cerro.Site(registry=self.server.endpoint, timeout=PATIENCE)
            with client, site:
                client._take(self.real["describe"].result)
                for name, call in calls(client, site).items():
                    with self.subTest(seed=seed, wrong=self.wrong, call=name):
                        self.check(call, seed)
            # Nothing of what it was told came back as part of a request.
            self.assertEqual(self.server.malformed, 0, f"seed {seed}")

    def test_answers_with_flipped_bits(self):
        dice = random.Random(7)

        def flip(parts):
            data = bytearray(wire.packed(parts))
            for _ in range(dice.randrange(1, 4)):
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            return bytes(data)

        self.change = flip
        for seed in range(SEEDS // 4):
            self.wrong = ["table", "describe", "raw", "buckets"][seed % 4]
            site = cerro.Site(registry=self.server.endpoint, timeout=PATIENCE)
            with site, site.client("fake-2", timeout=PATIENCE) as client:
                self.check(client.describe, seed)
                self.check(lambda: site.get_data("fake-2.*", -600, timeout=PATIENCE), seed)
                self.check(
                    lambda: site.get_data("fake-2.*", -600, max_points=5, timeout=PATIENCE), seed
                )

    def test_the_asyncio_twin_meets_the_same(self):
        async def meet(seed):
            self.wrong = ["table", "describe", "raw"][seed % 3]
            self.change = lambda parts: wire.packed(
                [*parts[:2], *mutated(parts[2:5], seed), *parts[5:]]
            )
            async with cerro.aio.Site(registry=self.server.endpoint, timeout=PATIENCE) as site:
                client = site.client("fake-2", timeout=PATIENCE)
                for act in (
                    client.describe, site.instances,
                    lambda: site.get_data("fake-2.*", -600, timeout=PATIENCE),
                ):
                    try:
                        await asyncio.wait_for(act(), SOON)
                    except cerro.CerroError as error:
                        self.assertTrue(str(error))
                await client.close()

        for seed in range(SEEDS // 4):
            with self.subTest(seed=seed):
                asyncio.run(meet(seed))


class SilenceTest(unittest.TestCase):
    """Nobody waits for ever, whoever listens there."""

    def client(self, server, timeout=0.3):
        self.addCleanup(server.close)
        client = cerro.CerroClient("fake-2", registry=server.endpoint, timeout=timeout)
        self.addCleanup(client.close)
        return client

    def expect(self, error, client):
        begin = time.monotonic()
        with self.assertRaises(error):
            client.describe()
        self.assertLess(time.monotonic() - begin, SOON)

    def test_who_never_answers(self):
        self.expect(cerro.TimedOut, self.client(Server(lambda request: [])))

    def test_who_takes_connections_and_says_nothing(self):
        self.expect(cerro.Unreachable, self.client(Listener(b"")))

    def test_who_takes_connections_and_speaks_something_else(self):
        noise = random.Random(1).randbytes(1 << 16)
        for greeting in (b"HTTP/1.1 400 Bad Request\r\n\r\n", noise, b"\xff" + bytes(63)):
            with self.subTest(greeting[:10]):
                # To the library it may look like a peer of its first version, which gets the
                # request and does not answer.
                expected = (cerro.Unreachable, cerro.TimedOut)
                self.expect(expected, self.client(Listener(greeting)))

    def test_who_babbles_without_end(self):
        def babble(request):
            other = [1, bytes(16), "ok", "", None, 0, 0]
            for number in range(1_000):
                yield random.Random(number).randbytes(40) if number % 2 else wire.packed(other)

        self.expect(cerro.TimedOut, self.client(Server(babble)))

    def test_who_answers_more_than_is_possible(self):
        def endless(request):
            yield bytes(limits.LONGEST_MESSAGE + 1)

        self.expect(cerro.ConnectionLost, self.client(Server(endless), timeout=SOON))

    def test_who_answers_in_what_is_not_spoken_here(self):
        for parts, words in [
            ([2, "ok", {"rows": []}], "version 2 is not spoken here, version 1 is: install"),
            ([1, "ok"], "3 parts, expected 7"),
        ]:
            def answer(request, parts=parts):
                return [wire.packed([parts[0], request.id, *parts[1:]])]

            async def meet(endpoint):
                async with cerro.aio.Site(registry=endpoint, timeout=SOON) as site:
                    await site.instances()

            client = self.client(Server(answer), timeout=SOON)
            with self.subTest(words), self.assertRaisesRegex(cerro.Malformed, words):
                client.status()
            with self.subTest(words), self.assertRaisesRegex(cerro.Malformed, words):
                asyncio.run(meet(client._flows.registry))

    def test_who_is_not_where_the_table_says(self):
        row = {"instance": "fake-2", "state": "alive", "epoch": 1, "clock_offset_ns": 0}

        for place in ("ipc:///tmp/there", "tcp://", "tcp://nowhere:x", "tcp://::::", 5, ["x"]):
            def table(request, place=place):
                rows = [{**row, "requests": place}]
                yield wire.packed([1, request.id, "ok", "", {"rows": rows}, 0, 0])

            with self.subTest(place):
                self.expect(cerro.Malformed, self.client(Server(table)))


class LiveTest(unittest.TestCase):
    """Of what is published, the samples come through, and nothing else."""

    FEED = {
        "feed": "f",
        "fields": [{"name": "x", "type": "double"}, {"name": "s", "type": "string"}],
    }

    def record(self, number):
        """A record with one row."""
        body = block_body(Feed.parse(self.FEED), [number], [[number / 2], [f"no. {number}"]])
        return record_payload(DATA, 7, number, 1, number, body)

    def messages(self):
        """Good records, each behind some bad ones; the last one tells the end."""
        dice = random.Random(3)
        for number in range(1, 200):
            for bad in range(5):
                document = mutated(wire.unpacked(self.record(number)), 10 * number + bad)
                if document != wire.unpacked(self.record(number)):
                    yield [b"a-1/f/", wire.packed([-1 if bad else 1, *document[1:]])]
                yield [b"a-1/f/", dice.randbytes(dice.randrange(200))]
            yield [b"a-1/g/", self.record(number)]
            yield [f"nobody-{number}/f/".encode(), self.record(number)]
            yield [b"\xff\xfe/f/", self.record(number)]
            yield [b"a-1/f/"]
            yield [b"a-1/f/", self.record(number), b"more"]
            yield [b"a-1/f/", self.record(number)]

    def test_a_publisher_of_nonsense(self):
        publisher = Publisher(self.messages())
        self.addCleanup(publisher.close)

        def answer(request):
            row = {
                "instance": "a-1", "state": "alive", "epoch": 7, "requests": server.endpoint,
                "publisher": publisher.endpoint,
            }
            results = {"table": {"rows": [row]}, "describe": {"feeds": [self.FEED]}}
            yield wire.packed([1, request.id, "ok", "", results[request.action], 0, 7])

        server = Server(answer)
        self.addCleanup(server.close)
        seen = []
        with cerro.Site(registry=server.endpoint) as site:
            for sample in site.live("*", timeout=SOON):
                seen.append(sample)
                if sample[1:] == (199, "no. 199"):
                    break
        wanted = {
            part for number in range(1, 200)
            for part in (("a-1.f.x", number, number / 2), ("a-1.f.s", number, f"no. {number}"))
        }
        self.assertEqual(wanted - set(seen), set())
        # What was changed in a time or a value only is a sample like any other.
        for name, at, value in seen:
            self.assertIn(name, ("a-1.f.x", "a-1.f.s"))
            self.assertIsInstance(at, int)
            self.assertIsInstance(value, (float, str, type(None)))


class MemoryTest(unittest.TestCase):
    """What a few bytes could become is counted before it does."""

    def peak(self, act):
        tracemalloc.start()
        try:
            act()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def test_millions_of_items(self):
        many = 8 << 20
        bombs = {
            "empty maps": b"\xdd" + many.to_bytes(4, "big") + b"\x80" * many,
            "maps in arrays": (b"\xdc\xff\xff" + b"\x80" * 65_535) * 1 + b"",
            "short texts": b"\xdd" + many.to_bytes(4, "big") + b"\xa2ab" * many,
            "a spine": (b"\xdc\x80\x00" + b"\xa2ab" * 32_767) * 64 + b"\xc0",
            "a deep one": b"\x91" * many + b"\xc0",
        }
        bombs["maps in arrays"] = b"\xdc\x00\x80" + bombs["maps in arrays"] * 128
        for name, data in bombs.items():
            def act(data=data):
                with self.assertRaises(wire.WireError):
                    wire.unpacked(data)

            with self.subTest(name):
                self.assertLess(self.peak(act), 1 << 20)

    def test_lengths_that_are_not_there(self):
        for head in (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
                     b"\xdb\xff\xff\xff\xff"):
            for tail in (b"", bytes(2 << 20)):
                def act(data=head + tail):
                    with self.assertRaises(wire.WireError):
                        wire.unpacked(data)

                self.assertLess(self.peak(act), 1 << 20)

    def test_a_scan_knows_every_form(self):
        values = [
            None, True, False, 0, 127, 128, 1 << 16, 1 << 32, 1 << 63, -1, -33, -129, -(1 << 40),
            1.5, "", "x" * 31, "x" * 200, "x" * 70_000, b"", b"x" * 300, b"x" * 70_000, [],
            [1] * 15, [1] * 16, [[]] * 70_000, {}, {"a": {"b": [None]}},
            {str(key): key for key in range(70_000)},
        ]
        for value in [*values, values]:
            data = wire.packed(value)
            scan(data, 1 << 20, 16)
            for cut in {0, 1, len(data) // 2, len(data) - 1} - {len(data)}:
                with self.assertRaises(ScanError):
                    scan(data[:cut], 1 << 20, 16)
            with self.assertRaises(ScanError):
                scan(data + b"\xc0", 1 << 20, 16)
        scan(wire.packed([0] * 99), 100, 1)
        for items, levels in ((99, 1), (100, 0)):
            with self.assertRaises(ScanError):
                scan(wire.packed([0] * 99), items, levels)
        for data in (b"\xc1", msgpack.packb(msgpack.ExtType(1, b"xy"))):
            with self.assertRaises(ScanError):
                scan(data, 10, 10)

    def test_who_does_not_look_is_not_filled(self):
        context = zmq.Context.instance()
        for socket, longest in (
            (dealer(context, "tcp://127.0.0.1:9", None, None), limits.LONGEST_MESSAGE),
            (subscriber(context, ["a/"]), limits.RECORD_BYTES),
        ):
            self.addCleanup(socket.close)
            self.assertLessEqual(socket.rcvhwm * longest, 512 << 20)

    def test_places_and_declarations_are_forgotten(self):
        flows = Flows("tcp://r:1")
        for number in range(100):
            flow = flows.table()
            request = wire.decode_request(next(flow).data)
            row = {"instance": "a", "state": "alive", "requests": f"tcp://a:{number + 1}"}
            with self.assertRaises(StopIteration):
                flow.send(wire.Reply(request.id, "ok", "", {"rows": [row]}, 0, 0))
        self.assertLessEqual(len(flows._ahead), 2)
        decoder = Decoder(Patterns("*"))
        feed = {"feed": "f", "fields": [{"name": "x", "type": "int"}]}
        for number in range(limits.LIVE_FEEDS + 10):
            decoder.learn(f"a-{number}", [feed])
        self.assertLessEqual(len(decoder._feeds), limits.LIVE_FEEDS)


if __name__ == "__main__":
    unittest.main()
