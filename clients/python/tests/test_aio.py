"""The asyncio twin against real processes."""

import asyncio
import unittest
from unittest import mock

import zmq.asyncio
from observatory import shared

import cerro
import cerro.aio
from cerro import limits
from cerro.flows import Ask


class AsyncTest(unittest.IsolatedAsyncioTestCase):
    """The same as the blocking clients, many at a time."""

    async def test_commands(self):
        async with cerro.aio.CerroClient("fake-1", registry=shared().registry) as client:
            self.assertIn("delay_task", dir(client))
            reply = await client.delay_task(delay=0.01)
            self.assertTrue(reply.succeeded)
            await client.delay_task.start(delay=60)
            waiting = asyncio.ensure_future(client.delay_task.wait())
            replies = await asyncio.gather(*(client.delay_task.status() for _ in range(50)))
            self.assertEqual({reply.session["op_name"] for reply in replies}, {"delay_task"})
            self.assertEqual((await client.delay_task.abort()).status, cerro.OK)
            self.assertEqual((await waiting).session["status"], "done")
            seen = [s async for s in client.delay_task.follow()]
            self.assertEqual([s["status"] for s in seen], ["done"])

    async def test_a_wait_that_is_cancelled_leaves_the_operation_alone(self):
        async with cerro.aio.CerroClient("fake-1", registry=shared().registry) as client:
            await client.delay_task.start(delay=60)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(client.delay_task.wait(), 0.05)
            self.assertEqual((await client.delay_task.status()).session["status"], "running")
            await client.delay_task.abort()

    async def test_a_site(self):
        async with cerro.aio.Site(registry=shared().registry) as site:
            self.assertIn("fake-1", await site.instances())
            live = site.live("fake-1", timeout=30)
            sample = await live.__anext__()
            await live.aclose()
            self.assertEqual(sample.field.split(".")[0], "fake-1")
            found = await site.get_data("no.such.field", -60)
            self.assertEqual(len(found["no.such.field"]), 0)
            async with site.client("fake-2") as client:
                self.assertEqual(client.count.name, "count")

    async def test_a_connection_that_is_silent_for_long_is_made_anew(self):
        # Something between the two ends hangs, and the connection stands for ever.
        with zmq.asyncio.Context() as context, context.socket(zmq.ROUTER) as deaf:
            deaf.linger = 0
            port = deaf.bind_to_random_port("tcp://127.0.0.1")
            driver = cerro.aio.AsyncDriver()

            async def peer_of_a_request():
                ask = Ask(f"tcp://127.0.0.1:{port}", None, b"id", b"", "it", 0.3, False)
                with self.assertRaises(cerro.TimedOut):
                    await driver._perform(ask, [])
                return (await deaf.recv_multipart())[0]

            first = await peer_of_a_request()
            self.assertEqual(await peer_of_a_request(), first)
            with mock.patch.object(limits, "SILENCE_MS", 0):
                self.assertEqual(await peer_of_a_request(), first)
            self.assertNotEqual(await peer_of_a_request(), first)
            await driver.close()

    async def test_errors(self):
        with self.assertRaises(cerro.Unreachable):
            async with cerro.aio.CerroClient("x", registry="tcp://127.0.0.1:9", timeout=0.05):
                self.fail("nobody is there")
        client = cerro.aio.CerroClient("fake-1", registry=shared().registry)
        with self.assertRaisesRegex(cerro.CerroError, "async with"):
            client.acquire


if __name__ == "__main__":
    unittest.main()
