"""An agent's log: what was appended is fetched once, or told as lost."""

import errno
import os
import random
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cerro.model import Feed, Field  # noqa: E402
from cerro.records import DATA, DECLARATION, END, LOSS, Frame, block_body, frames  # noqa: E402
from cerro.spool import AgentLog, FetchError, LogError, fetch, tables  # noqa: E402
from cerro.spool import log as log_module  # noqa: E402

FEED = Feed("f", (Field("n", "int"), Field("t", "string")))
DURABLE = Feed("d", (Field("n", "int"),), durable=True)


class Archive:
    """Pulls a log as an archive does, and keeps what it got and what was told as lost."""

    def __init__(self, name="archive-1"):
        self.name = name
        self.epoch = self.after = self.crc = 0
        self.committed = 0, 0
        self.records = {}
        self.losses = []
        self.states = []

    def ask(self, log, most=1 << 20):
        """One fetch; the answer is taken in."""
        answer = fetch(log, {
            "archive": self.name, "epoch": self.epoch, "after": self.after, "crc": self.crc,
            "committed_epoch": self.committed[0], "committed": self.committed[1],
            "max_bytes": most,
        })
        self.states.append(answer["state"])
        self.losses += answer["losses"]
        self.epoch = answer["epoch"]
        count = 0
        for frame in frames(answer["frames"]):
            assert isinstance(frame, Frame), frame
            kind, epoch, position, _, _, body = frame.document
            assert (epoch, position) == (answer["epoch"], answer["first"] + count)
            assert (epoch, position) not in self.records, "twice"
            self.records[epoch, position] = kind, body
            self.after, self.crc, count = position, frame.crc, count + 1
            if kind == LOSS:
                self.take_loss(body)
        assert count == answer["count"]
        if answer["next_epoch"] is not None and answer["state"] != "more":
            self.epoch, self.after, self.crc = answer["next_epoch"], 0, 0
        return answer

    def take_loss(self, body):
        """Enters those of a loss record that it neither has nor has entered."""
        epoch, first, count, start, end, cause = body
        missing = [
            position for position in range(first, first + count)
            if (epoch, position) not in self.records and (epoch, position) not in self.told()
        ]
        for position in missing:
            self.losses.append({
                "epoch": epoch, "first": position, "count": 1, "from": start, "to": end,
                "cause": cause,
            })

    def told(self):
        """The places that were told as lost."""
        return {
            (row["epoch"], row["first"] + number)
            for row in self.losses if row["count"] is not None for number in range(row["count"])
        }

    def pull(self, log, most=1 << 20):
        """Fetches until there is no more."""
        while True:
            answer = self.ask(log, most)
            if answer["state"] == "caught-up":
                return self

    def commit(self):
        """Says with the next fetch that it has all of this on its disk."""
        self.committed = self.epoch, self.after

    def numbers(self):
        """The numbers of the data records, in order."""
        found = []
        for _, (kind, body) in sorted(self.records.items()):
            if kind == DATA:
                found += [int.from_bytes(block[1], "little") for block in body]
        return found


class SpoolTest(unittest.TestCase):
    """A log in a temporary folder."""

    def setUp(self):
        # In memory where there is such a place: no power is cut here.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        folder = tempfile.TemporaryDirectory(prefix="cerro-spool-", dir=memory)
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "spool" / "a"
        self.logs = []
        self.addCleanup(lambda: [self.kill(log) for log in self.logs])

    def open(self, size=1 << 30, boot="boot-1", **more):
        log = AgentLog(self.folder, "a", [FEED, DURABLE], size, boot=boot, **more)
        self.logs.append(log)
        return log

    def kill(self, log):
        """Ends a log as a process ends that is killed."""
        with log.lock:
            if not log.is_closed:
                log.is_closed = True
                log._closing.set()
                log._wake.set()
                if log._descriptor is not None:
                    os.close(log._descriptor)
                os.close(log._lock_file)
        log._syncer.join()

    def add(self, log, *numbers, text="x"):
        for number in numbers:
            log.append(FEED, block_body(FEED, [number], [[number], [text]]))

    def test_records_come_back_as_they_were_appended(self):
        log = self.open()
        self.add(log, *range(100))
        log.append(DURABLE, block_body(DURABLE, [1, 2], [[7, 8]]))
        archive = Archive().pull(log, 500)
        self.assertEqual(len(archive.records), 103)
        kinds = [kind for _, (kind, _) in sorted(archive.records.items())]
        self.assertEqual(kinds[:3], [DECLARATION, DECLARATION, DATA])
        self.assertEqual(archive.records[log.epoch, 1][1]["feed"], "f")
        self.assertEqual(archive.numbers()[:100], list(range(100)))
        self.assertEqual((archive.losses, archive.states[-1]), ([], "caught-up"))
        self.assertEqual(set(archive.states[:-1]), {"more"})

    def test_a_log_opened_again_serves_the_old_epochs_to_their_end(self):
        first = self.open()
        self.add(first, 1, 2)
        first.close()
        second = self.open(now=lambda: 5)
        self.assertEqual(second.epoch, first.epoch + 1, "the clock went back")
        self.add(second, 3)
        self.kill(second)
        third = self.open()
        self.assertEqual(third.predecessors, [first.epoch, second.epoch])
        archive = Archive().pull(third)
        self.assertEqual(archive.numbers(), [1, 2, 3])
        self.assertEqual(archive.losses, [])
        self.assertEqual(archive.records[first.epoch, 5][0], END)
        self.assertNotIn(END, [k for (e, _), (k, _) in archive.records.items() if e != first.epoch])

    def test_a_last_record_that_is_torn_at_any_byte_is_no_record(self):
        log = self.open()
        self.add(log, 1, 2)
        path = Path(log.segments[0].path)
        whole, end = path.read_bytes(), log.segments[0].end
        self.kill(log)
        *_, last = frames(whole)
        for cut in range(last.offset, end):
            path.write_bytes(whole[:cut])
            again = self.open()
            archive = Archive().pull(again)
            self.assertEqual((archive.numbers(), archive.losses), ([1], []), cut)
            self.kill(again)
            for other in self.folder.glob(f"{again.epoch:019}*"):
                other.unlink()

    def test_what_a_power_cut_took_is_told(self):
        log = self.open()
        self.add(log, 1, 2)
        self.kill(log)
        archive = Archive().pull(self.open(boot="boot-2"))
        self.assertEqual(archive.numbers(), [1, 2])
        self.assertEqual(
            [(r["cause"], r["count"], r["first"]) for r in archive.losses],
            [("power loss, at most 1 s", None, 5)],
        )

    def test_damage_in_the_middle_is_a_row_of_exactly_what_it_hit(self):
        log = self.open()
        self.add(log, *range(20))
        path = Path(log.segments[0].path)
        log.close()
        data = bytearray(path.read_bytes())
        places = list(frames(bytes(data)))
        for hit in (places[5], places[6], places[12]):
            data[hit.offset + 14] ^= 1
        path.write_bytes(data)
        archive = Archive().pull(self.open())
        self.assertEqual(archive.numbers(), [n for n in range(20) if n not in (3, 4, 10)])
        self.assertEqual(
            [(r["first"], r["count"], r["cause"]) for r in archive.losses],
            [(6, 2, "damage in the spool"), (13, 1, "damage in the spool")],
        )

    def test_a_segment_goes_when_every_archive_has_committed_it(self):
        log = self.open(size=128 << 10)
        one, other = Archive("one"), Archive("other")
        one.pull(log), other.pull(log)
        self.add(log, *range(500), text="x" * 100)
        count = len(log.segments)
        self.assertGreater(count, 2)
        one.pull(log)
        one.commit()
        one.ask(log)
        self.assertEqual(len(log.segments), count)
        other.pull(log)
        other.commit()
        other.ask(log)
        self.assertEqual(len(log.segments), 1)
        self.assertEqual(one.numbers(), list(range(500)))
        self.assertEqual(len(list(self.folder.glob("*.log"))), 1)
        log.close()
        self.assertEqual(tables.read_commits(self.folder), log.commits)
        self.assertTrue(self.open().forget("one"))

    def test_a_full_spool_drops_its_oldest_and_says_what(self):
        log = self.open(size=32 << 10)
        archive = Archive()
        self.add(log, 0)
        archive.pull(log)
        self.add(log, *range(1, 2000), text="y" * 50)
        self.assertGreater(log.dropped, 0)
        self.assertLess(sum(p.stat().st_size for p in self.folder.glob("*.log")), 48 << 10)
        archive.pull(log)
        self.assertEqual({row["cause"] for row in archive.losses}, {"spool full"})
        self.check_account(archive, log)

    def check_account(self, archive, log):
        """Each position up to the newest is there or told as lost, never both."""
        told = archive.told()
        self.assertEqual(told & set(archive.records), set())
        for epoch in {epoch for epoch, _ in archive.records} | {log.epoch}:
            newest = max((p for e, p in archive.records if e == epoch), default=0)
            for position in range(1, newest + 1):
                self.assertTrue((epoch, position) in told or (epoch, position) in archive.records)

    def test_whatever_happens_is_accounted_for(self):
        for seed in range(6):
            with self.subTest(seed=seed):
                self.run_account(random.Random(seed), seed)

    def run_account(self, dice, seed):
        self.folder = self.folder.with_name(f"account-{seed}")
        size = dice.choice([16 << 10, 64 << 10, 1 << 30])
        log, archive, number, appended = self.open(size), Archive(), 0, {}
        archive.pull(log)
        for _ in range(60):
            event = dice.random()
            if event < 0.5:
                for _ in range(dice.randrange(60)):
                    self.add(log, number, text="z" * dice.randrange(80))
                    appended[number] = log.epoch, log.newest
                    number += 1
            elif event < 0.8:
                for _ in range(dice.randrange(4)):
                    archive.ask(log, dice.choice([1, 700, 1 << 20]))
            elif event < 0.9:
                archive.commit()
            elif event < 0.95:
                log.close()
                log = self.open(size)
            else:
                self.kill(log)
                log = self.open(size)
        archive.pull(log)
        self.check_account(archive, log)
        told = archive.told()
        got = archive.numbers()
        self.assertEqual(got, sorted(set(got)))
        for item, place in appended.items():
            self.assertTrue(item in set(got) or place in told, (seed, item, place))
        log.close()

    def test_an_archive_that_was_forgotten_is_told_so(self):
        log = self.open(size=32 << 10)
        archive, other = Archive(), Archive("other")
        archive.pull(log), other.pull(log)
        archive.commit()
        log.forget(archive.name)
        self.add(log, *range(1000), text="y" * 50)
        other.pull(log)
        archive.pull(log)
        causes = {row["cause"] for row in archive.losses}
        self.assertEqual(causes, {"no longer in the log: it had forgotten this archive"})

    def test_an_archive_with_other_records_begins_a_new_epoch(self):
        log = self.open()
        self.add(log, 1)
        archive = Archive().pull(log)
        epoch, archive.crc = log.epoch, archive.crc ^ 1
        answer = archive.ask(log)
        self.assertEqual((answer["state"], answer["next_epoch"]), ("diverged", log.epoch))
        self.assertGreater(log.epoch, epoch)
        self.add(log, 2)
        self.assertEqual(archive.pull(log).numbers(), [1, 2])
        ahead = Archive()
        ahead.epoch, ahead.after = log.epoch + 10**9, 5
        self.assertEqual(ahead.ask(log)["state"], "diverged")

    def test_a_second_holder_is_refused_and_told_who_holds_the_spool(self):
        self.open()
        with self.assertRaisesRegex(LogError, f"held by host .*, pid {os.getpid()}, instance a"):
            self.open()

    def test_a_short_write_neither_loses_nor_doubles(self):
        log = self.open()
        self.add(log, 1)
        for length in (0, 1, 11, 30, 49):
            def short(descriptor, data, length=length):
                os.write(descriptor, data[:length])
                raise OSError(errno.ENOSPC, "No space left on device")

            with mock.patch.object(tables, "write_all", short):
                with self.assertRaisesRegex(LogError, "No space left on device"):
                    self.add(log, 99)
                with self.assertRaises(LogError):
                    self.add(log, 99)
            self.add(log, 2 + length)
        expected = [1, 2, 3, 13, 32, 51]
        archive = Archive().pull(log)
        self.assertEqual((archive.numbers(), archive.losses), (expected, []))
        log.close()
        archive = Archive().pull(self.open())
        self.assertEqual((archive.numbers(), archive.losses), (expected, []))

    def test_what_a_failed_sync_leaves_in_doubt_is_written_once_more(self):
        log = self.open()
        log._closing.set()  # Nobody else syncs.
        log._wake.set()
        log._syncer.join()
        self.add(log, 1, 2)
        sync, failed = os.fsync, []

        def once(descriptor):
            if not failed:
                failed.append(True)
                raise OSError(errno.EIO, "Input/output error")
            sync(descriptor)

        with mock.patch.object(log_module.os, "fsync", once):
            log.sync()
        self.add(log, 3)
        self.assertEqual((failed, log.failure, log._doubtful_bytes > 0), ([True], None, True))
        archive = Archive().pull(log)
        self.assertEqual((archive.numbers(), archive.losses), ([1, 2, 3], []))
        self.kill(log)
        archive = Archive().pull(self.open())
        self.assertEqual((archive.numbers(), archive.losses), ([1, 2, 3], []))

    def test_a_damaged_table_keeps_no_agent_from_starting(self):
        log = self.open()
        self.add(log, 1)
        Archive().pull(log)
        log.close()
        for name in (tables.EPOCHS, tables.COMMITS, tables.STARTS):
            (self.folder / name).write_bytes(b"nonsense")
        again = self.open()
        self.assertGreater(again.epoch, log.epoch)
        self.assertEqual(Archive().pull(again).numbers(), [1])

    def test_what_does_not_fit_is_refused_by_its_name(self):
        for columns, words in [
            ([[1]], "1 columns for the 2 fields"), ([[1, 2], ["a"]], r"f.n has \(2,\) values"),
            ([["a"], ["a"]], "f.n is an integer"), ([[1.5], ["a"]], "f.n is an integer"),
            ([[float("inf")], ["a"]], "f.n is an integer"), ([[2.0**63], ["a"]], "f.n is an int"),
            ([[1], [2]], "f.t is a text"),
        ]:
            with self.subTest(columns), self.assertRaisesRegex(ValueError, words):
                block_body(FEED, [0], columns)
        log = self.open()
        with self.assertRaisesRegex(LogError, "publish fewer rows"):
            self.add(log, 1, text="x" * (5 << 20))
        self.add(log, 2, text="x" * (3 << 20))
        self.assertEqual(Archive().pull(log, 1000).numbers(), [2])

    def test_what_is_no_fetch(self):
        log = self.open()
        good = dict(archive="a", epoch=0, after=0, crc=0, committed_epoch=0, committed=0,
                    max_bytes=1)
        for name, bad in [("archive", "a/b"), ("archive", None), ("after", -1), ("crc", "x"),
                          ("epoch", True), ("max_bytes", None)]:
            with self.subTest(name), self.assertRaisesRegex(FetchError, name):
                fetch(log, {**good, name: bad})
        with self.assertRaises(FetchError):
            fetch(log, None)
        self.assertEqual(fetch(log, good)["count"], 1)


if __name__ == "__main__":
    unittest.main()
