#!/usr/bin/env python3
"""Starts `acquire` on every thermometer that is up, and tells of each whether it runs.

    start_thermometers.py [--site FILE] [CLASS …]

A thermometer is an instance of one of the classes; Lakeshore372 and IMacRT unless told.
"""

import argparse
import sys

import cerro


def main():
    """The exit code: 0 if all of them run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--site", metavar="FILE")
    parser.add_argument("classes", metavar="CLASS", nargs="*", default=["Lakeshore372", "IMacRT"])
    options = parser.parse_args()

    site, failures = cerro.Site(options.site), 0
    rows = site.instances()
    thermometers = [name for name in sorted(rows) if rows[name]["class"] in options.classes]
    if not thermometers:
        print(f"no instance of {', '.join(options.classes)} at this site", file=sys.stderr)
        return 1
    for name in thermometers:
        try:
            acquire = site.client(name).acquire
            reply = acquire.start()
            # One that runs already is as good.
            if reply.code == "operation.busy":
                reply = acquire.status()
            reply.check()
            session = reply.session
            print(f"{name}: {session['status']}, session {session['session_id']}")
        except cerro.CerroError as error:
            failures += 1
            print(f"{name}: {error}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
