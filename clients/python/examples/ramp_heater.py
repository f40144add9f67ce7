#!/usr/bin/env python3
"""Sets a heater in steps, and switches it off when a temperature gets too high or on Ctrl-C.

    ramp_heater.py INSTANCE --operation set_heater --parameter range --steps 1,2,3,4 \\
        --off 0 --hold 60 --watch cryo-1.temperatures.channel_1 --limit 4.5 [--site FILE]
"""

import argparse
import math
import sys
import time

import cerro


class TooHot(Exception):
    """The temperature that is watched is above its limit, or nobody knows it."""


def hold(site, seconds, field, limit, silence):
    """Waits, while what comes in of `field` stays below `limit`; at least one value has to.

    Live samples are for eyes: one that does not come for a while is no reason to go on, and
    neither is one without a value, which a thermometer sends that cannot read its sensor.
    """
    begun = heard = time.monotonic()
    is_known = False
    for sample in site.live(field, timeout=silence):
        now = time.monotonic()
        if sample.value is not None and not math.isnan(sample.value):
            if sample.value > limit:
                raise TooHot(f"{field} is {sample.value:g}, above {limit:g}")
            heard, is_known = now, True
        if now - heard > silence:
            break
        if is_known and now - begun >= seconds:
            return
    raise TooHot(f"no value of {field} came for {silence:g} s, so nobody knows how hot it is")


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
    parser.add_argument("--silence", type=float, default=15.0, metavar="SECONDS",
                        help="without a value for so long it is switched off")
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
        hold(site, 0, options.watch, options.limit, options.silence)
        for step in map(float, options.steps.split(",")):
            set_to(step)
            hold(site, options.hold, options.watch, options.limit, options.silence)
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
