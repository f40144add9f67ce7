"""An operation of an agent as an object: start, wait, status, stop, abort, follow."""

import inspect
import keyword
import time

from . import limits
from .errors import TimedOut, Unreachable
from .flows import Connect, Emit, Receive, Subscribe
from .replies import Reply, reply_of, session_of

_TYPES = {"double": float, "int": int, "bool": bool, "string": str}


def attribute_of(name):
    """The attribute by which an operation or field is reached, as in OCS."""
    return name.replace("-", "_").replace(" ", "_")


def plain(value):
    """A parameter as the wire takes it: numpy's scalars and arrays as Python's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


class OperationFlows:
    """The flows of one operation of one instance."""

    def __init__(self, flows, instance, name):
        self._flows = flows
        self.instance = instance
        self.name = name

    def _call(self, action, arguments=None, wait=0.0, timeout=None, epoch=None):
        arguments = dict(arguments or {}, operation=self.name)
        if wait:
            arguments["wait_ns"] = int(wait * 1e9)
        limit = (self._flows.timeout if timeout is None else timeout) + wait
        return self._flows.request(self.instance, action, arguments, limit, epoch)

    def start(self, parameters):
        """Starts it; returns as soon as that is accepted."""
        reply = yield from self._call("start", {"parameters": plain(parameters)})
        return reply_of(reply, "started")

    def end(self, action):
        """Stops a process or aborts a task; returns as soon as that is accepted."""
        return reply_of((yield from self._call(action)), "stopping")

    def status(self, session=None):
        """The newest session; `{}` in the reply if there was none."""
        arguments = {} if session is None else {"session": session}
        reply = yield from self._call("status", arguments)
        if reply.code == "ok" and not (reply.result or {}).get("session"):
            return Reply(0, f"{self.name} has not run", {})
        return reply_of(reply, "current session")

    def history(self):
        """The sessions that the agent keeps, oldest first."""
        reply = yield from self._call("status", {"history": True})
        reply_of(reply).check()
        return [session_of(value) for value in reply.result.get("history") or []]

    def wait(self, timeout=None, session=None, epoch=None):
        """Waits for the end of a session, the newest unless one is named."""
        deadline = None if timeout is None else time.monotonic() + max(0, timeout)
        failures = 0
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            trip = limits.WAIT_TRIP if left is None else min(left, limits.WAIT_TRIP)
            arguments = {} if session is None else {"session": session}
            try:
                reply = yield from self._call("wait", arguments, trip, None, epoch)
            except TimedOut:
                # To wait once more harms nobody, as long as it is the same life of the agent.
                failures += 1
                row = self._flows.rows.get(self.instance)
                if failures > limits.WAIT_RETRIES or row is None:
                    raise
                epoch = epoch or row["epoch"]
                continue
            failures = 0
            if reply.code == "operation.idle" and session is None:
                return Reply(0, "Idle.", {})
            if reply.code != "wait.timeout" or left is not None and left <= trip:
                return reply_of(reply)
            # From now on this session of this life of the agent, whatever is started meanwhile.
            session, epoch = reply.result["session"]["session"], reply.epoch

    def call(self, parameters, timeout=None):
        """Starts a task and waits for its end, in one trip if that is soon."""
        limit = limits.WAIT_TRIP if timeout is None else min(timeout, limits.WAIT_TRIP)
        begin = time.monotonic()
        reply = yield from self._call("start", {"parameters": plain(parameters)}, limit)
        left = None if timeout is None else timeout - (time.monotonic() - begin)
        if reply.code != "wait.timeout" or left is not None and left <= 0:
            return reply_of(reply)
        number = reply.result["session"]["session"]
        return (yield from self.wait(left, number, reply.epoch))

    def follow(self, period=limits.FOLLOW_PERIOD):
        """Emits the newest session now and at each change, until it is done."""
        subscription = yield Subscribe((f"{self.instance}/sessions/",))
        number, epoch, last, failures = None, None, None, 0
        while True:
            arguments = {} if number is None else {"session": number}
            try:
                reply = yield from self._call("status", arguments, epoch=epoch)
                failures = 0
            except (Unreachable, TimedOut):
                failures += 1
                if failures > 3:
                    raise
                continue
            answer = reply_of(reply)
            if answer.code != "ok":
                answer.check()
            session = session_of((reply.result or {}).get("session"))
            if not session:
                return
            number, epoch = session["session_id"], reply.epoch
            if session != last:
                last = session
                yield Emit(session)
            if session["status"] == "done":
                return
            row = self._flows.rows.get(self.instance)
            if row and row.get("publisher"):
                yield Connect(subscription, {row["publisher"]: row.get("key")})
            yield Receive(subscription, period)


class Operation:
    """One operation of an agent; which methods make sense depends on its kind."""

    def __init__(self, driver, flows, description):
        self._driver = driver
        self._flows = flows
        self._description = description
        self.name = flows.name

    def __repr__(self):
        kind = self._description.get("kind", "operation")
        return f"<{kind} {self.name} of {self._flows.instance}>"

    @property
    def parameters(self):
        """The parameters as the agent describes them, by name."""
        return {item["name"]: item for item in self._description.get("parameters") or []}

    def start(self, **parameters):
        """Starts the operation and returns at once: `(status, message, session)`."""
        return self._driver.run(self._flows.start(parameters))

    def wait(self, timeout=None):
        """Waits until the newest session is done, `timeout` seconds at most (None: for ever).

        `(TIMEOUT, …)` if it is still running then.
        """
        return self._driver.run(self._flows.wait(timeout))

    def status(self):
        """The newest session, or `{}` if the operation has not run."""
        return self._driver.run(self._flows.status())

    def history(self):
        """The last sessions that the agent keeps (20 at most), oldest first."""
        return self._driver.run(self._flows.history())

    def follow(self, period=limits.FOLLOW_PERIOD):
        """Iterates over the newest session: as it is now, then at each change until it is done.

        A change of status is announced by the agent; progress in its data and messages is looked
        for every `period` seconds.
        """
        return self._driver.iterate(self._flows.follow(period))


class Task(Operation):
    """A task of an agent: it ends by itself."""

    def __call__(self, **parameters):
        """Starts the task and waits until it is done."""
        return self._driver.run(self._flows.call(parameters))

    def abort(self):
        """Cuts the task short, if it can be; returns at once."""
        return self._driver.run(self._flows.end("abort"))


class Process(Operation):
    """A process of an agent: it runs until it is stopped."""

    def __call__(self):
        """The status, as in OCS."""
        return self.status()

    def stop(self):
        """Asks the process to stop, and returns at once; `wait()` tells when it has."""
        return self._driver.run(self._flows.end("stop"))


def make(driver, flows, description):
    """The object of an operation, with the signature and help that the agent tells."""
    kind = Task if description.get("kind") == "task" else Process
    body = {"__doc__": documentation(description, kind), "__module__": kind.__module__}
    made = type(kind.__name__, (kind,), body)(driver, flows, description)
    if kind is Task:
        made.__signature__ = signature(description)
    return made


def signature(description):
    """The parameters of an operation as Python's signature, keywords only."""
    found = []
    for item in description.get("parameters") or []:
        if not item["name"].isidentifier() or keyword.iskeyword(item["name"]):
            continue
        found.append(
            inspect.Parameter(
                item["name"],
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if item.get("required") else item.get("default"),
                annotation=_TYPES.get(item.get("type"), inspect.Parameter.empty),
            )
        )
    return inspect.Signature(found)


def documentation(description, kind):
    """The help of an operation: what it does, and each parameter with range, unit and default."""
    ability = ""
    if kind is Task:
        ability = " that can be aborted" if description.get("abortable") else ""
    lines = [description.get("help") or description["name"], ""]
    lines.append(f"A {description.get('kind')}{ability}.")
    for item in description.get("parameters") or []:
        unit = f" in {item['unit']}" if item.get("unit") else ""
        bounds = item.get("range")
        span = f", {bounds[0]:g} to {bounds[1]:g}" if bounds else ""
        if item.get("choices"):
            span += ", one of " + ", ".join(item["choices"])
        default = "" if item.get("required") else f", else {item.get('default')!r}"
        text = f": {item['help']}" if item.get("help") else ""
        lines.append(f"  {item['name']} ({item['type']}{unit}{span}{default}){text}")
    return "\n".join(lines)


__all__ = ["Operation", "OperationFlows", "Process", "Task", "attribute_of", "make"]
