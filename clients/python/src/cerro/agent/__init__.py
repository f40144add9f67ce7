"""An instrument with a Python library as an agent: operations, feeds, faults, a durable log.

    agent = Agent("thermo-1", "VendorThermometer")
    temperatures = agent.feed("temperatures", {"stage": "K", "shield": "K"}, period=1.0)

    @agent.process()
    def acquire(session, period: float = Parameter(1.0, range=(0.1, 60), unit="s")):
        '''Reads both thermometers and publishes them.'''
        for now in session.ticks(every=period):
            session.publish(temperatures, vendor.read(), at=now)

    agent.run(start=["acquire"])

What `publish` returned for reaches the archive exactly once, whatever dies in between.
"""

import inspect
import ipaddress
import logging
import os
import re
import signal
import socket
import threading

from .. import limits
from .. import site as sites
from ..errors import CerroError
from ..model import TYPES, Feed, Field
from .access import ROLES
from .book import Operation
from .feeds import BUILT_IN
from .gate import CurveGate, OpenGate
from .handle import Session, Stopped
from .parameters import Parameter, ParameterError, parameters_of
from .runtime import Runtime
from .state import Settings

__all__ = ["Agent", "Feed", "Field", "Parameter", "ParameterError", "Session", "Stopped"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}\Z")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)\Z")
_UNITS = {
    "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
}


class Agent:
    """One instance: declare its feeds and operations, then :meth:`run` it.

    :param instance: its id, unique at the site.
    :param class_name: the kind of agent, for people.
    """

    def __init__(self, instance, class_name="Python"):
        self.instance = _checked_name(instance, "the instance")
        self.class_name = _checked_name(class_name, "the class")
        self._feeds = []
        self._operations = []
        self._runtime = None
        self._ready = threading.Event()

    def __repr__(self):
        return f"<Agent {self.instance}, {self.class_name}>"

    def feed(self, name, fields, *, period=None, lateness=0.0, durable=False, description=""):
        """Declares a feed: fields that are measured together.

        :param fields: :class:`Field` each, or a map of names to units (numbers then).
        :param period, lateness: seconds between rows, and by which they may come late.
        :param durable: `publish` returns only when the row has survived a power cut.
        """
        if isinstance(fields, dict):
            fields = [Field(key, "double", unit) for key, unit in fields.items()]
        feed = Feed(
            _checked_name(name, "the feed"), tuple(fields), description,
            None if period is None else int(period * 1e9), int(lateness * 1e9), bool(durable),
        )
        names = [_checked_name(field.name, f"a field of {name}") for field in feed.fields]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"feed {name} has no fields, or two of one name")
        for field in feed.fields:
            if field.limits is not None and field.type not in ("double", "int"):
                raise ValueError(f"{name}.{field.name} is a {field.type}, which has no limits")
            if field.type not in TYPES:
                raise ValueError(f"{name}.{field.name} is a {field.type}; expected one of {TYPES}")
        if name in [other.name for other in [*self._feeds, *BUILT_IN]]:
            raise ValueError(f"there is a feed {name} already")
        self._feeds.append(feed)
        return feed

    def task(self, name=None, *, abortable=False, role="operate"):
        """Declares the function below as a task: it ends by itself.

        One that is `abortable` heeds `session.is_stopping`, `session.wait` or `session.check`.
        `role` is what somebody needs at a site with keys to start it: observe, operate, engineer
        or admin.
        """
        return lambda function: self._declare(function, name, "task", abortable, role)

    def process(self, name=None, *, role="operate"):
        """Declares the function below as a process: it runs until its session is to end."""
        return lambda function: self._declare(function, name, "process", False, role)

    def _declare(self, function, name, kind, is_abortable, role):
        if role not in ROLES:
            raise ValueError(f"the role {role!r}; there are {', '.join(ROLES)}")
        name = _checked_name(name or function.__name__, "the operation")
        if name in [other.name for other in self._operations]:
            raise ValueError(f"there is an operation {name} already")
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{name} is a coroutine; operations run in threads of their own")
        text = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
        self._operations.append(Operation(
            name, kind, function, parameters_of(function), text, is_abortable, role,
        ))
        return function

    def run(
        self, *, site=None, registry=None, spool=None, spool_size=None, keys=None,
        address="127.0.0.1", bind=None, ports=(0, 0), start=(), host=None,
    ):
        """Runs the agent in this thread until :meth:`stop`, SIGTERM or SIGINT.

        :param site: the site file, which names the registry and the folder of spools.
        :param registry, spool, spool_size: in place of what the file says: the endpoint, the
            folder of this agent alone, and its bytes.
        :param keys: the folder of keys, in place of what the file says; off loopback there has to
            be one.
        :param address, ports: where others find it; (0, 0) takes any port.
        :param bind: where it listens if that differs from the address.
        :param start: operations that start with the agent, as names or pairs with parameters.
        :param host: how the site file calls this machine; else $CERRO_HOST, else its own name.
        :raises cerro.LeaseHeld: another process is this instance.
        """
        site_name = ""
        if registry is None or spool is None:
            found = sites.load(site)
            site_name = found.name if registry is None else ""
            registry, keys = registry or found.registry, keys or found.keys
            spool = spool or f"{found.spool}/{self.instance}"
            spool_size = spool_size or found.spool_size and bytes_of(found.spool_size)
        bind = bind or address
        if keys is None and not ipaddress.ip_address(bind).is_loopback:
            raise CerroError(
                f"{self.instance} would listen at {bind} without keys, open to everybody there: "
                "make some (`cerro keys init`) and name their folder as `keys`"
            )
        logger = logging.getLogger(f"cerro.agent.{self.instance}")
        gate = OpenGate() if keys is None else CurveGate(keys, self.instance, logger)
        entries = tuple((item, {}) if isinstance(item, str) else tuple(item) for item in start)
        runtime = Runtime(
            Settings(
                self.instance, self.class_name, registry, str(spool),
                spool_size or limits.SPOOL_BYTES, address, bind, tuple(ports), entries,
                host or os.environ.get("CERRO_HOST") or socket.gethostname(), site_name,
            ),
            self._operations, self._feeds, gate,
        )
        self._runtime = runtime
        self._ready.set()
        before = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                before[number] = signal.signal(number, lambda *_: self.stop())
        try:
            self._runtime.run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self):
        """Has :meth:`run` stop the operations, say good-bye and return; from any thread.

        Before it runs, it waits for that.
        """
        self._ready.wait()
        self._runtime.stop()


def bytes_of(text):
    """The bytes of a size as a site file writes it, such as `512 MiB`."""
    match = _SIZE.match(text.strip())
    if match is None:
        raise CerroError(f"`{text}` is no size; expected a number and a unit, such as `512 MiB`")
    return int(float(match.group(1)) * _UNITS[match.group(2)])


def _checked_name(name, what):
    if not isinstance(name, str) or not _NAME.match(name):
        raise ValueError(
            f"{what} is named {name!r}; expected letters, digits, `_` and `-`, at most 128, not "
            "beginning with `-`"
        )
    return name
