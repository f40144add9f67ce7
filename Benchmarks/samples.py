"""Samples like those that `cerro bench archive` makes: 8 fields a feed, a row a second."""

import numpy as np

SECOND, HOUR = 10**9, 3_600 * 10**9
#: 2026-11-01T00:00:00 UTC.
START = 1_793_491_200 * SECOND
DAY_ROWS = 86_400
STATES = np.array(
    ["idle", "running", "warming up", "cooling down", "fault: over-temperature", ""], object
)


def _walk(random, rows, base, digits):
    """A thermometer: a slow walk with noise of two digits, rounded."""
    unit = 10.0**-digits
    walk = base + np.cumsum(random.normal(size=rows)) * unit
    return np.round(walk + random.normal(size=rows) * 2 * unit, digits)


def _gauge(random, rows, base, digits):
    """A slow walk of the logarithm, with so many significant digits."""
    values = base * np.exp(np.cumsum(random.normal(size=rows)) * 1e-3)
    power = 10.0 ** (digits - 1 - np.floor(np.log10(values)))
    return np.round(values * power) / power


def _steps(random, rows, a_day):
    """How many changes there were, with so many a day."""
    return np.cumsum(random.random(rows) < a_day / DAY_ROWS)


def columns(random, rows):
    """The values of one feed by field."""
    setpoints = np.round(1 + np.cumsum(random.normal(size=1_000)) * 0.1, 2)
    count = np.arange(rows) * random.integers(1, 2_000) + random.integers(0, 9, rows)
    return {
        "temp_0": _walk(random, rows, 0.1, 5),
        "temp_1": _walk(random, rows, 4.2, 3),
        "volt": 1.25 + random.normal(size=rows) * 1e-3,
        "press": _gauge(random, rows, 1e-6, 4),
        "setpoint": setpoints[_steps(random, rows, 4) % len(setpoints)],
        "counter": count,
        "ok": random.random(rows) >= 1e-3,
        "state": STATES[_steps(random, rows, 20) % len(STATES)],
    }


def feeds(hours, number=25, seed=1):
    """Times (ns) and values by `instance.feed`; the times jitter by 5 ms, to the microsecond."""
    rows = int(hours * 3_600)
    for feed in range(number):
        random = np.random.default_rng([seed, feed])
        jitter = np.round(random.normal(size=rows) * 5_000).astype(np.int64) * 1_000
        # The deviations of some rows would reach their neighbours, or the hour before.
        jitter = np.clip(jitter, -400_000_000, 400_000_000)
        times = START + SECOND // 2 + np.arange(rows) * SECOND + jitter
        yield f"cryo-{feed // 5}.feed_{feed % 5}", times, columns(random, rows)
