#!/usr/bin/env python3
"""An instrument with a vendor's Python library as an agent; the library here is a stand-in.

    vendor_agent.py INSTANCE --site FILE
"""

import argparse
import random

from cerro import Agent, Field, Parameter


class VendorThermometer:
    """Stands in for what a vendor ships: two numbers, and an exception now and then."""

    def __init__(self):
        self._heat = 0.0

    def read(self):
        """The temperatures of stage and shield, in kelvins."""
        if random.random() < 0.001:
            raise OSError("no answer from the instrument")
        return {"stage": random.gauss(4.2 + self._heat, 0.01), "shield": random.gauss(50, 0.1)}

    def heat(self, watts):
        """Sets the power of the heater."""
        self._heat = watts


def main():
    """Runs until it is told to end."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("instance")
    parser.add_argument("--site", metavar="FILE")
    options = parser.parse_args()

    thermometer = VendorThermometer()
    agent = Agent(options.instance, "VendorThermometer")
    temperatures = agent.feed(
        "temperatures",
        [
            Field("stage", "double", "K", "the cold stage", limits=(3.0, 6.0)),
            Field("shield", "double", "K", "the radiation shield"),
        ],
        period=1.0, description="both thermometers, read in one pass",
    )

    @agent.process()
    def acquire(session, period: float = Parameter(1.0, range=(0.1, 60.0), unit="s")):
        """Reads both thermometers once a period and publishes them."""
        for now in session.ticks(every=period):
            try:
                session.publish(temperatures, thermometer.read(), at=now)
                session.healthy()
            except OSError as error:
                # A gap, and the next reading: never a repeated sample.
                session.degraded(error)

    @agent.task(abortable=True)
    def ramp(
        session, watts: float = Parameter(range=(0.0, 1.0), unit="W", help="power at the end"),
        steps: int = Parameter(10, range=(1, 100)),
        pause: float = Parameter(1.0, range=(0.0, 600.0), unit="s", help="between two steps"),
    ):
        """Raises the heater's power in steps; an abort switches it off."""
        for step in range(1, steps + 1):
            thermometer.heat(watts * step / steps)
            session.set_data("progress", step / steps)
            if session.wait(pause):
                thermometer.heat(0.0)
                session.log("aborted: the heater is off")
                return

    agent.run(site=options.site, start=["acquire"])


if __name__ == "__main__":
    main()
