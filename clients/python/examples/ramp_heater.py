#!/usr/bin/env python3
"""Sets a heater in steps, and switches it off when a temperature gets too high or on Ctrl-C.

    ramp_heater.py INSTANCE --operation set_heater --parameter range --steps 1,2,3,4 \\
        --off 0 --hold 60 --watch cryo-1.temperatures.channel_1 --limit 4.5 [--site FILE]
"""

import argparse
import sys
import time

import cerro


class TooHot(Exception):
    """The temperature that is watched is above its limit."""


def hold(site, seconds, field, limit):
    """Waits, while what comes in of `field` stays below `limit`.

    Live samples are for eyes: one that does not come for a while is no reason to go on.
    """
    deadline = time.monotonic() + seconds
    for sample in site.live(field, timeout=15):
        if sample.value is not None and sample.value > limit:
            raise TooHot(f"{field} is {sample.value:g}, above {limit:g}")
        if time.monotonic() >= deadline:
            return
    raise TooHot(f"nothing was heard of {field} for 15 s, so nobody knows how hot it is")


def main():
    """The exit code: 0 if all steps were held."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("instance")
    parser.add_argument("--operation", default="set_heater")
    parser.add_argument("--parameter", default="range")
    parser.add_argument("--steps", required=True, help="values, one behind the other: 1,2,3")
    parser.add_argument("--off", type=float, default=0.0, help="the value that is safe")
    parser.add_argument("--hold", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--watch", required=True, metavar="FIELD")
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--with", dest="more", metavar="KEY=VALUE", nargs="*", default=[],
                        help="further numbers that the operation takes")
    parser.add_argument("--site", metavar="FILE")
    options = parser.parse_args()
    more = {key: float(value) for key, value in (word.split("=", 1) for word in options.more)}

    site = cerro.Site(options.site)
    client = site.client(options.instance)
    client.describe()
    heater = client.operations[options.operation]

    def set_to(value):
        heater(**{**more, options.parameter: value}).check()
        print(f"{options.parameter} = {value:g}", flush=True)

    try:
        for step in map(float, options.steps.split(",")):
            set_to(step)
            hold(site, options.hold, options.watch, options.limit)
        return 0
    except (TooHot, cerro.CerroError, KeyboardInterrupt) as reason:
        print(f"aborted: {reason or 'Ctrl-C'}", file=sys.stderr)
        # A step that is under way must not switch it on again behind our back.
        if heater.status().session.get("status") in ("starting", "running"):
            heater.abort()
            heater.wait(timeout=30)
        set_to(options.off)
        return 1


if __name__ == "__main__":
    sys.exit(main())
