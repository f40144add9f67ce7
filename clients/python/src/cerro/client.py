"""A client of one agent, in the shape that OCS scripts have."""

import getpass
import os

from . import limits, operations
from . import site as sites
from .blocking import BlockingDriver
from .errors import CerroError
from .flows import Flows
from .replies import session_of


def connection(registry, site, keys, name, timeout):
    """The flows to a site, and the keys of `name` if the site has some."""
    site_name = ""
    if registry is None:
        found = sites.load(site)
        registry, keys, site_name = found.registry, keys or found.keys, found.name
    held = None
    if keys is not None:
        from .keys import Keys

        held = Keys(keys, name)
    # In the audit of a site without keys.
    asker = _account()
    return Flows(registry, held.registry if held else None, timeout, asker, site=site_name), held


def _account():
    try:
        return getpass.getuser()[:64]
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def of_ocs(args):
    """The site file that OCS's own arguments name, as far as they mean something here."""
    args = list(args or [])
    for place, word in enumerate(args):
        name, equals, value = str(word).partition("=")
        if name in ("--site", "--site-file"):
            return value if equals else args[place + 1] if place + 1 < len(args) else None
    return None


class ClientShape:
    """What the blocking and the asyncio client of an agent share."""

    #: What carries the flows out: blocking, or in an event loop.
    _DRIVER = None

    def __init__(
        self, instance_id, privs=None, args=None, *, site=None, registry=None, keys=None,
        name=None, timeout=limits.PATIENCE,
    ):
        del privs
        self._flows, held = connection(registry, site or of_ocs(args), keys, name, timeout)
        self._driver = self._DRIVER(held)
        self._description = None
        self._made = {}
        self.instance_id = instance_id

    def __repr__(self):
        return f"<{type(self).__name__} {self.instance_id} at {self._flows.registry}>"

    def _take(self, description):
        """Makes the operations that an agent describes."""
        self._description = description
        self._made = {}
        for item in description.get("operations") or []:
            flows = operations.OperationFlows(self._flows, self.instance_id, item["name"])
            made = operations.make(self._driver, flows, item)
            self._made[operations.attribute_of(item["name"])] = made
        return description

    def _operation(self, name):
        if name not in self._made:
            there = ", ".join(sorted(self._made)) or "none"
            raise AttributeError(
                f"{self.instance_id} has no operation `{name}`; there are {there}"
            )
        return self._made[name]

    @property
    def operations(self):
        """The operations by attribute; also those whose name is a method of the client."""
        return dict(self._made)

    def _describing(self):
        return self._take((yield from self._flows.describe(self.instance_id)))

    def __dir__(self):
        return sorted({*super().__dir__(), *self._made})

    def describe(self):
        """What the agent says of itself now: class, host, feeds, operations with parameters."""
        return self._driver.run(self._describing())

    def wait_alive(self, timeout=30.0):
        """Waits until somebody runs the instance; the registry's row of it."""
        return self._driver.run(self._flows.wait_alive(self.instance_id, timeout))

    def status(self):
        """The newest session of each operation, open faults and the count of records."""
        return self._driver.run(self._status())

    def take(self, reason, duration=None, *, is_breaking=False):
        """Takes control: until it is released or `duration` seconds are over, nobody else starts
        or stops operations of the agent. Returns who has control until when.
        """
        arguments = {"reason": reason, **({"break": True} if is_breaking else {})}
        if duration is not None:
            arguments["duration_ns"] = int(duration * 1e9)
        return self._driver.run(self._flows.result(self.instance_id, "take", arguments))

    def release(self, *, is_breaking=False):
        """Gives control back."""
        arguments = {"break": True} if is_breaking else {}
        return self._driver.run(self._flows.result(self.instance_id, "release", arguments))

    def _status(self):
        found = yield from self._flows.result(self.instance_id, "status")
        return dict(found, sessions=[
            session_of(session) for session in found.get("sessions") or []
        ])


class CerroClient(ClientShape):
    """A client of one agent: `client.acquire.start()`, `client.acquire.wait(timeout=10)`, …

    Each operation of the agent is an attribute, with the agent's own help and signature. Nothing
    is connected before it is used, and a client may be used from several threads.

    :param instance_id: the agent.
    :param privs: taken so that scripts of OCS run as they are; keys take its place.
    :param args: of OCS's arguments `--site-file` counts, the others are taken and mean nothing.
    :param site: the site file; else $CERRO_SITE, else the usual places.
    :param registry: the registry's endpoint, `tcp://HOST:PORT`; then no site file is read.
    :param keys: the folder of keys; else as the site file says.
    :param name: whose key is taken, or its file; else $CERRO_KEY, else who is logged in, else
        `operator`.
    :param timeout: seconds for each request.
    """

    _DRIVER = BlockingDriver

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if self._description is None:
            self.describe()
        return self._operation(name)

    def __dir__(self):
        if self._description is None:
            try:
                self.describe()
            except CerroError:
                pass
        return super().__dir__()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the connections."""
        self._driver.close()


#: The name that scripts of OCS import.
OCSClient = CerroClient
