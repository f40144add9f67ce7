#!/usr/bin/env python3
"""What a night was like: for each field count, smallest, largest and mean value, and gaps.

    nightly_report.py FIELD … [--start=-12h] [--end=now] [--plot night.png] [--site FILE]

FIELD is a full name or a pattern such as 'cryo-1.temperatures.*'. The plot needs matplotlib.
"""

import argparse
import sys

import numpy as np

import cerro


def report(name, buckets):
    """The line of one field."""
    count = int(buckets.count.sum()) if len(buckets) else 0
    if not count:
        return f"{name:50} no samples"
    if buckets.type == "string":
        return f"{name:50} {count:9,} texts"
    valid = buckets.count - buckets.nans
    mean = np.average(np.asarray(buckets.mean, float), weights=valid) if valid.any() else np.nan
    unit = f" {buckets.unit}" if buckets.unit else ""
    return (
        f"{name:50} {count:9,} samples, {np.nanmin(buckets.min):g} to "
        f"{np.nanmax(buckets.max):g}, mean {mean:g}{unit}"
    )


def plot(data, path):
    """One panel a field: the means, and behind them all from smallest to largest."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    shown = [(n, b) for n, b in data.items() if len(b) and b.type in ("double", "int")]
    if not shown:
        print("there is nothing to plot", file=sys.stderr)
        return
    figure, axes = pyplot.subplots(
        len(shown), 1, sharex=True, squeeze=False, figsize=(10, 2.2 * len(shown))
    )
    for axis, (name, buckets) in zip(axes[:, 0], shown):
        axis.fill_between(buckets.times, buckets.min, buckets.max, alpha=0.3, linewidth=0)
        axis.plot(buckets.times, buckets.mean, linewidth=0.8)
        axis.set_ylabel(buckets.unit or "")
        axis.set_title(name, loc="left", fontsize="small")
        for gap in data.gaps:
            axis.axvspan(*np.array([gap["from"], gap["to"]], "datetime64[ns]"), color="0.8")
    axes[-1, 0].set_xlabel("UTC")
    figure.tight_layout()
    figure.savefig(path)
    print(f"plotted into {path}")


def time_of(text):
    """A time as the reader takes it; numbers as such, so that -3600 is an hour ago."""
    try:
        return float(text)
    except ValueError:
        return text


def main():
    """The exit code: 1 if something is missing in the night."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("fields", metavar="FIELD", nargs="+")
    parser.add_argument("--start", default="-12h", type=time_of)
    parser.add_argument("--end", default="now", type=time_of)
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--site", metavar="FILE")
    options = parser.parse_args()

    data = cerro.Site(options.site).get_data(
        options.fields, options.start, options.end, max_points=1000
    )
    for name, buckets in sorted(data.items()):
        print(report(name, buckets))
    for gap in data.gaps:
        of = f"{gap['instance']}.{gap['feed'] or '*'}"
        start, end = np.array([gap["from"], gap["to"]], "datetime64[ns]")
        count = "" if gap["count"] is None else f", {gap['count']} records"
        print(f"gap in {of} from {start} to {end}{count}: {gap['cause']}")
    if options.plot:
        plot(data, options.plot)
    return 1 if data.gaps else 0


if __name__ == "__main__":
    sys.exit(main())
