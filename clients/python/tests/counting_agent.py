"""An agent for the tests: counts, and writes down each number once it is published.

    counting_agent.py INSTANCE REGISTRY SPOOL FILE RUN [KEYS]
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cerro import Agent, Field, Parameter  # noqa: E402

instance, registry, spool, side, run, *keys = sys.argv[1:]
agent = Agent(instance, "Counting")
numbers = agent.feed(
    "numbers",
    [Field("run", "int"), Field("n", "int"), Field("x", "double", "K", limits=(0, 1e6))],
    period=0.002,
)
texts = agent.feed("texts", [Field("text", "string")])
written = os.open(side, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


@agent.process()
def count(session, period: float = Parameter(0.002, range=(0.0001, 10), unit="s")):
    """Publishes 1, 2, 3, …"""
    n = 0
    for now in session.ticks(every=period):
        n += 1
        session.publish(numbers, {"run": int(run), "n": n, "x": n / 2}, at=now)
        os.write(written, f"{run} {n}\n".encode())


@agent.task(abortable=True)
def work(
    session, seconds: float = Parameter(range=(0, 3600), unit="s", help="how long"),
    how: str = Parameter("well", choices=["well", "badly"]), times: int = 1, dry: bool = False,
):
    """Takes its time."""
    for part in range(times):
        session.set_data("progress", (part + 1) / times)
        if session.wait(seconds / times):
            session.log("it was cut short")
            return
    if how == "badly":
        raise RuntimeError("as it was told to")


@agent.task()
def hot(session, value: float):
    """Publishes one row with this value, and holds a fault while it is above 100."""
    session.publish(numbers, [0, 0, value])
    if value > 100:
        session.raise_fault("hot", f"{value} is too hot", "critical", "stage")
    else:
        session.clear_fault("hot", "stage")


@agent.task()
def login(session, name: str, password: str):
    """Takes what nobody else should see."""


@agent.task()
def long(session, length: int):
    """Publishes a long text."""
    session.publish(texts, ["x" * length])


@agent.process()
def stubborn(session):
    """Is degraded until it is stopped."""
    session.degraded("no instrument")
    session.wait(3600)


@agent.task(role="engineer")
def tune(session):
    """Changes how the instrument works."""


agent.run(
    registry=registry, spool=spool, keys=keys[0] if keys else None,
    start=["count"] if run != "0" else [],
)
