"""The asyncio twin: the same clients, whose methods are awaited.

    async with cerro.aio.CerroClient("cryo-1") as client:
        await client.acquire.start()
        async for session in client.acquire.follow():
            print(session["status"])

One client belongs to one event loop.
"""

import asyncio
import time

import zmq
import zmq.asyncio

from . import limits, wire
from .client import ClientShape
from .errors import CerroError, TimedOut, Unreachable
from .flows import (
    Ask,
    Connect,
    Emit,
    Leave,
    NotReady,
    Receive,
    Subscribe,
    guarded,
    lost,
    timed_out,
    unreachable,
    unreadable,
)
from .observatory import SiteShape
from .sockets import Subscription, dealer, message_of

__all__ = ["CerroClient", "OCSClient", "Site"]


class AsyncDriver:
    """Carries flows out in an event loop: one connection to each endpoint, for all requests."""

    def __init__(self, keys=None):
        self._keys = keys
        self._links = {}

    async def run(self, flow):
        """The result of a flow."""
        result = None
        steps = self._steps(flow)
        async for kind, item in steps:
            if kind == "end":
                result = item
        return result

    async def iterate(self, flow):
        """The items that a flow emits."""
        steps = self._steps(flow)
        try:
            async for kind, item in steps:
                if kind == "item":
                    yield item
        finally:
            await steps.aclose()

    async def _steps(self, flow):
        opened, flow = [], guarded(flow)
        try:
            effect = next(flow)
            while True:
                try:
                    if isinstance(effect, Emit):
                        yield "item", effect.item
                        outcome = None
                    else:
                        outcome = await self._perform(effect, opened)
                except GeneratorExit:
                    raise
                except BaseException as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(outcome)
        except StopIteration as end:
            yield "end", end.value
        finally:
            flow.close()
            for subscription in opened:
                subscription.close()

    async def close(self):
        """Ends the connections; a client that asks again opens new ones."""
        links, self._links = self._links, {}
        for link in links.values():
            await link.close()

    async def _perform(self, effect, opened):
        if isinstance(effect, Ask):
            link = self._link(effect)
            try:
                return await link.ask(effect)
            except (TimedOut, Unreachable) as error:
                # The library does not come back where a handshake was refused, and does not notice
                # where something between the ends hangs.
                is_refused = isinstance(error, Unreachable) and not link.is_busy
                place = effect.endpoint, effect.key
                if (is_refused or link.is_silent) and self._links.get(place) is link:
                    del self._links[place]
                    await link.close()
                raise
        if isinstance(effect, Receive):
            socket = effect.subscription.socket
            if not await socket.poll(max(0, int(effect.timeout * 1000))):
                return None
            return message_of(await socket.recv_multipart())
        if isinstance(effect, Subscribe):
            context = zmq.asyncio.Context.instance()
            opened.append(Subscription(context, effect.topics, self._keys))
            return opened[-1]
        if isinstance(effect, Leave):
            link = self._links.pop((effect.endpoint, effect.key), None)
            # Who still waits on it is heard there, or times out.
            return link is not None and not link.is_busy and await link.close()
        if isinstance(effect, Connect):
            return effect.subscription.connect(effect.endpoints)
        raise TypeError(f"a flow wants {effect!r}")

    def _link(self, ask):
        place = ask.endpoint, ask.key
        if place not in self._links:
            context = zmq.asyncio.Context.instance()
            self._links[place] = _Link(dealer(context, ask.endpoint, ask.key, self._keys))
        return self._links[place]


class _Link:
    """A connection on which replies find those who asked by their ids."""

    def __init__(self, socket):
        self._socket = socket
        self._waiting = {}
        self._reader = None
        self._silent_since = None

    @property
    def is_busy(self):
        """Whether somebody waits for a reply."""
        return bool(self._waiting)

    @property
    def is_silent(self):
        """Whether requests have been out for long, and nothing has come."""
        since = self._silent_since
        return since is not None and time.monotonic() - since >= limits.SILENCE_MS / 1000

    async def ask(self, ask):
        reply = asyncio.get_running_loop().create_future()
        self._waiting[ask.id] = ask, reply
        if self._reader is None or self._reader.done():
            # Kept here, and cancelled with the link.
            self._reader = asyncio.ensure_future(self._read())
        try:
            await self._send(ask)
            self._silent_since = self._silent_since or time.monotonic()
            deadline = time.monotonic() + ask.timeout
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise timed_out(ask)
                await asyncio.wait({reply}, timeout=min(left, limits.CONNECTION_LOOK))
                if reply.done():
                    try:
                        return reply.result()
                    except wire.WireError as error:
                        raise unreadable(ask, error) from None
                # A reply comes on the connection of its request, or never.
                if not await self._socket.poll(0, zmq.POLLOUT):
                    self._silent_since = None
                    raise lost(ask)
        finally:
            self._waiting.pop(ask.id, None)

    async def _send(self, ask):
        deadline = time.monotonic() + ask.timeout
        while True:
            try:
                await self._socket.send(ask.data, zmq.NOBLOCK)
                return
            except zmq.Again:
                if ask.at_once:
                    raise NotReady(ask.what) from None
                # Again and again: a connection may end between the look and the sending.
                left = deadline - time.monotonic()
                if left <= 0 or not await self._socket.poll(int(left * 1000) + 1, zmq.POLLOUT):
                    raise unreachable(ask) from None

    async def _read(self):
        while True:
            data = await self._socket.recv()
            self._silent_since = None
            _, waiting = self._waiting.get(wire.id_of(data), (None, None))
            if waiting is None or waiting.done():
                continue
            try:
                waiting.set_result(wire.decode_reply(data))
            except wire.WireError as error:
                waiting.set_exception(error)

    async def close(self):
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        for ask, reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(lost(ask))
        self._socket.close()


class CerroClient(ClientShape):
    """A client of one agent, as :class:`cerro.CerroClient` but awaited.

    Operations are known once the agent has described itself: `async with CerroClient(…)`, or
    `await client.describe()`.
    """

    _DRIVER = AsyncDriver

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if self._description is None:
            raise CerroError(
                f"{self.instance_id} has not described itself yet: write `async with` before the "
                "client, or `await client.describe()`"
            )
        return self._operation(name)

    async def __aenter__(self):
        try:
            await self.describe()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def close(self):
        """Ends the connections."""
        await self._driver.close()


class Site(SiteShape):
    """A site, as :class:`cerro.Site` but awaited; `live` is iterated with `async for`."""

    _DRIVER, _CLIENT = AsyncDriver, CerroClient

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def close(self):
        """Ends the connections."""
        await self._driver.close()


OCSClient = CerroClient
