"""Every process of a site is restarted under load, in turn: nothing is lost, nothing is doubled.

`test_rolling_restart.py ROUNDS` does so for as many rounds of both signals, and shows the counts.
"""

import shutil
import signal
import sys
import threading
import unittest

from observatory import AGENTS, PATIENCE, Crew, ended, eventually
from test_agent import AgentProcess

import cerro

LOAD = "{feeds: 1, fields: 4, rows: 1, rate: 400}"
FAKES = {
    name: f"{{class: FakeData, id: {name}, start: [load], arguments: {{load: {LOAD}}}}}"
    for name in ("fake-1", "fake-2", "fake-3", "fake-4")
}
SITE = {"aggregator": AGENTS["aggregator"], "reader": AGENTS["reader"], **FAKES}
#: The timelines that are counted: their operation, and the field that has the number of the row.
COUNTED = {**{name: ("load", "load.n") for name in FAKES}, "py-1": ("count", "numbers.n")}


class RollingRestart:
    """A site under load, and an operator who restarts it."""

    def __init__(self):
        self.here = Crew(agents=SITE)
        self.site = cerro.Site(registry=self.here.registry)
        self.agent = AgentProcess("py-1", 1, self.here)
        self.lives = dict.fromkeys(COUNTED, 1)
        self.seen = {name: set() for name in FAKES}
        self._is_over = threading.Event()
        self._eyes = threading.Thread(target=self._watch)
        self._eyes.start()

    def _watch(self):
        """Notes what comes in live: it has to be in the archive, too."""
        with cerro.Site(registry=self.here.registry) as site:
            while not self._is_over.is_set():
                try:
                    for sample in site.live([f"{name}.load.n" for name in FAKES], timeout=1.0):
                        self.seen[sample.field.split(".")[0]].add((sample.time, sample.value))
                        if self._is_over.is_set():
                            return
                except cerro.CerroError:
                    # It has just been restarted, the registry for one.
                    continue

    def _is_alive(self, name):
        """Whether the registry says that an instance is the process that was started."""
        try:
            row = self.site.instances().get(name, {})
        except cerro.CerroError:
            return False
        return row.get("state") == "alive" and row.get("pid") == self.here.processes[name].pid

    def launch(self, name):
        """Starts a process, and waits until it lives."""
        self.here.launch(name)

        def is_back():
            # One that cannot show the lease of the one before is refused until that ends.
            if self.here.processes[name].poll() is not None:
                self.here.launch(name)
            return self._is_alive(name)

        eventually(is_back)

    def restart(self, name, number):
        """Ends a process by a signal, starts it again, and waits until it lives."""
        if name in self.lives:
            self.lives[name] += 1
        if name == "py-1":
            code = self.agent.end(number)
            self.agent.start(self.lives[name])
        else:
            code = ended(self.here.processes[name], number)
            self.launch(name)
        expected = 0 if number == signal.SIGTERM else -number
        assert code == expected, f"{name} ended with {code} after {number!r}"

    def recorded(self, name):
        """How many records an instance has accepted."""
        with self.here.client(name) as client:
            return client.status()["published"]

    def lose_disk(self, name):
        """Kills an instance and removes what it has not handed over; it goes on without that."""
        ended(self.here.processes["aggregator"])
        before = self.recorded(name)
        eventually(lambda: self.recorded(name) > before + 100)
        ended(self.here.processes[name], signal.SIGKILL)
        shutil.rmtree(self.here.folder / "spool" / name)
        self.launch(name)
        self.lives[name] += 1
        self.launch("aggregator")

    def roll(self, number):
        """Restarts everything, each once the one before lives, and has published meanwhile."""
        for name in ["registry", *SITE, "py-1"]:
            before = self.agent.published()
            self.restart(name, number)
            eventually(lambda: self.agent.published()[len(before):])

    def finish(self):
        """Ends the load in order; how many rows each says that its last life has published."""
        said = {}
        for name, (operation, _) in COUNTED.items():
            with self.here.client(name) as client:
                client.describe()
                process = client.operations[operation]
                process.stop().check()
                said[name] = process.wait(timeout=PATIENCE).check().session["data"]
        self._is_over.set()
        self._eyes.join(PATIENCE)
        said = {name: data.get("published") for name, data in said.items()}
        said["py-1"] = sum(run == self.lives["py-1"] for run, _ in self.agent.published())
        return said

    def archived(self, name):
        """The times and numbers of a timeline in the archive, and what is said to be missing."""
        field = f"{name}.{COUNTED[name][1]}"
        found = self.site.get_data(field, -7_200)
        return found[field].t.tolist(), found[field].values.tolist(), found.gaps

    def gaps(self):
        """What is said to be missing, of everybody."""
        return self.site.gaps(start=-7_200, kind="missing")["gaps"]

    def close(self):
        """Ends all processes."""
        self._is_over.set()
        self._eyes.join(PATIENCE)
        self.agent.end()
        self.site.close()
        self.here.close()


def lives_of(numbers):
    """Numbers that begin with 1 in each life, as a list for each."""
    found = []
    for number in numbers:
        if number == 1 or not found:
            found.append([])
        found[-1].append(number)
    return found


def account(roll, said):
    """How many rows each timeline has, how many are lost and doubled, and what gaps there are."""
    counts = {}
    for name in COUNTED:
        times, numbers, gaps = roll.archived(name)
        lives = lives_of(numbers)
        lost = sum(max(life) - len(set(life)) for life in lives) + said[name] - max(lives[-1])
        doubled = sum(len(life) - len(set(life)) for life in lives)
        unseen = roll.seen.get(name, set()) - set(zip(times, numbers))
        counts[name] = {
            "lives": len(lives), "archived": len(numbers), "lost": lost, "doubled": doubled,
            "seen live": len(roll.seen.get(name, ())), "seen, not archived": len(unseen),
            "gaps": gaps,
        }
    written = roll.agent.published()
    field = ["py-1.numbers.run", "py-1.numbers.n"]
    found = roll.site.get_data(field, -7_200)
    rows = set(zip(*(found[each].values.tolist() for each in field)))
    counts["py-1"]["written down"] = len(written)
    counts["py-1"]["lost"] += len(set(written) - rows)
    return counts


def run(rounds):
    """The counts of as many rounds, in each of which all end by SIGTERM and then by SIGKILL."""
    roll = RollingRestart()
    try:
        for _ in range(rounds):
            for number in (signal.SIGTERM, signal.SIGKILL):
                roll.roll(number)
        said = roll.finish()

        def is_complete():
            try:
                return all(
                    roll.archived(name)[1][-1:] == [number] for name, number in said.items()
                )
            except cerro.CerroError:
                return False

        eventually(is_complete)
        return account(roll, said), roll.gaps(), roll.lives
    finally:
        roll.close()


class RollingRestartTest(unittest.TestCase):
    """Two times, each process ends once in order and once at once."""

    def test_nothing_is_lost_and_nothing_is_doubled(self):
        counts, gaps, lives = run(1)
        for name, found in counts.items():
            with self.subTest(name):
                self.assertEqual(found["lives"], lives[name])
                self.assertEqual((found["lost"], found["doubled"], found["gaps"]), (0, 0, []))
                self.assertEqual(found["seen, not archived"], 0)
                # What was published and not written down any more: a row for each kill at most.
                extra = found["archived"] - found.get("written down", found["archived"])
                self.assertIn(extra, range(lives[name]))
        self.assertEqual(gaps, [])

    def test_what_a_lost_disk_took_is_told(self):
        roll = RollingRestart()
        self.addCleanup(roll.close)
        eventually(lambda: len(roll.archived("fake-1")[1]) > 100)
        roll.lose_disk("fake-1")
        eventually(lambda: roll.archived("fake-1")[1].count(1) == 2 and roll.gaps())
        times, numbers, gaps = roll.archived("fake-1")
        hole = numbers.index(1, 1)
        self.assertEqual([len(life) for life in lives_of(numbers)], [hole, len(numbers) - hole])
        self.assertEqual(numbers[:hole], list(range(1, hole + 1)))
        (gap,) = gaps
        self.assertEqual((gap["instance"], gap["kind"]), ("fake-1", "missing"))
        # Nobody knows any more how many records there were.
        self.assertEqual((gap["feed"], gap["count"]), (None, None))
        self.assertLess(gap["from"], gap["to"])
        # It begins with what was heard last of the old log, of whichever feed.
        self.assertLessEqual(abs(gap["from"] - times[hole - 1]), PATIENCE * 10**9)
        # It ends where the new log was first heard of; its first sample may come later.
        self.assertGreater(gap["to"], times[hole - 1])
        self.assertEqual(roll.gaps(), gaps)


if __name__ == "__main__":
    counted, rows, _ = run(int(sys.argv[1]))
    for timeline, numbers_of in counted.items():
        print(timeline, *(f"{key} {value}" for key, value in numbers_of.items()), sep=", ")
    print("gaps:", rows)
