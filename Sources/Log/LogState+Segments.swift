internal import ArchiveFormat
internal import Telemetry

extension LogState {
    /// The oldest record that is held; the next one where there is none.
    var oldestHeld: Progress {
        let epoch = oldestEpoch
        return Progress(epoch: epoch, position: oldestPosition(of: epoch) ?? nextPosition)
    }

    /// The boot of the machine during which the current epoch began.
    var currentBootID: String { epochs.last?.bootID ?? "" }

    /// Bytes on the disk.
    var byteCount: Int { segments.reduce(0) { $0 + $1.byteCount } }

    /// Where a segment is in ``segments`` now.
    func place(of segment: Segment) -> Int? {
        segments.firstIndex { $0.epoch == segment.epoch && $0.first == segment.first }
    }

    /// The position that the segment at `place` does not reach: what it holds from there on stands
    /// once more in the next one, which was begun because this one failed.
    func limit(of place: Int) -> Int64 {
        guard place + 1 < segments.count, segments[place + 1].epoch == segments[place].epoch
        else { return segments[place].index?.next ?? .max }
        return segments[place + 1].first
    }

    /// How many of the oldest segments go when `count` go: those without declarations of their own
    /// go with the one that has them.
    func group(of count: Int) -> Int {
        var end = count
        while end < segments.count, isContinuation(end) { end += 1 }
        return end
    }

    private func isContinuation(_ place: Int) -> Bool {
        place > 0 && segments[place].epoch == segments[place - 1].epoch
            && !segments[place].beginsWithDeclarations
    }

    /// How many of the oldest segments every archive that ever fetched has committed.
    var committedSegments: Int {
        guard !progress.isEmpty, knowsProgress else { return 0 }
        var count = 0
        // The newest one may still be written.
        while count + 1 < segments.count {
            let epoch = segments[count].epoch
            let last = limit(of: count) - 1
            let isCommitted = progress.values.allSatisfy {
                $0.epoch > epoch || $0.epoch == epoch && $0.position >= last
            }
            guard isCommitted else { break }
            count += 1
        }
        while count > 0, isContinuation(count) { count -= 1 }
        return count
    }

    /// Lets go of the oldest segments.
    mutating func removeSegments(_ count: Int) -> [Segment] {
        let gone = (0..<count).map { (segments[$0], limit(of: $0)) }
        announced.removeAll { announcement in
            gone.contains { segment, limit in announcement.stands(in: segment, limit) }
        }
        segments.removeFirst(count)
        recent.clear()
        return gone.map(\.0)
    }

    /// The losses that nobody would be told of any more if the oldest segments went: they are
    /// told once more, together with those that they join on to.
    func lossesLost(with count: Int) -> [RecordLoss] {
        let gone = (0..<count).map { (segments[$0], limit(of: $0)) }
        let lost = announced.filter { announcement in
            let place = (announcement.epoch, announcement.position)
            return gone.contains { announcement.stands(in: $0, $1) }
                && (progress.isEmpty
                    || progress.values.contains { ($0.epoch, $0.position) < place })
        }.map(\.loss)
        return RecordLoss.joined(announced.map(\.loss)).filter { joined in
            lost.contains { joined.includes($0) }
        }
    }

    /// Takes in what stands in a segment that was not read before.
    mutating func index(_ segment: Segment, _ bytes: [UInt8], isSynced: Bool) {
        guard let place = place(of: segment), segments[place].index.map(\.isUnread) ?? true else {
            return
        }
        // The next one of the epoch tells where this one ends; one that was not read does not.
        segments[place].index = nil
        let limit = limit(of: place)
        var index = bytes.withUnsafeBytes {
            SegmentIndex.scan($0, epoch: segment.epoch, first: segment.first, limit: limit)
        }
        index.isSynced = isSynced
        segments[place].index = index
        announced += index.losses
    }

    /// What goes with the segment at `place`; nil where it holds nothing.
    func loss(of place: Int) -> RecordLoss? {
        let segment = segments[place]
        let end = limit(of: place)
        guard end > segment.first else { return nil }
        let from = segment.index?.from ?? Timestamp(nanoseconds: segment.epoch)
        return RecordLoss(
            epoch: segment.epoch,
            first: segment.first,
            count: end - segment.first,
            from: from,
            to: segment.index?.to ?? from,
            cause: LossCause.spoolFull
        )
    }

    /// Notes that the first `records` of `run`, the first in the queue, are in the last segment.
    mutating func note(_ run: Run, records: Int, byteCount: Int) {
        guard let last = segments.indices.last, var index = segments[last].index else { return }
        // Out of the array while it changes, so that its places are not copied.
        segments[last].index = nil
        let start = segments[last].byteCount
        for number in 0..<records {
            let frame = run.frame(number)
            index.add(
                position: run.first + Int64(number),
                offset: start + frame.lowerBound,
                end: start + frame.upperBound,
                published: Timestamp(nanoseconds: run.entries[number].published)
            )
        }
        segments[last].index = index
        segments[last].byteCount += byteCount
        queueBytes -= run.frame(records - 1).upperBound
        written = max(written, run.lastOrdinal - Int64(run.entries.count - records))
        if run.epoch == epoch { readable = max(readable, run.first + Int64(records) - 1) }
    }

    /// Where the good records of a segment end that is not all synced.
    func end(of part: LogWriter.Unsynced) -> Int? {
        segments.first { $0.epoch == part.epoch && $0.first == part.first }?.index?.end
    }

    /// Forgets what stands in a segment behind its last sync; the position that it had reached.
    mutating func truncate(_ part: LogWriter.Unsynced) -> Int64? {
        guard
            let place = segments.firstIndex(where: {
                $0.epoch == part.epoch && $0.first == part.first
            }), var index = segments[place].index
        else { return nil }
        let next = index.next
        index.places.removeAll { $0.offset >= part.end }
        index.end = part.end
        index.next = part.next
        if part.next == part.first {
            segments.remove(at: place)
        } else {
            segments[place].index = index
        }
        return next
    }
}

extension Run {
    /// The records that have not gone out on PUB.
    func unpublished(feedNames: [String]) -> WrittenRecords {
        guard publishedCount > 0 else {
            return WrittenRecords(frames: bytes, entries: entries, feedNames: feedNames)
        }
        let rest = withoutFirst(publishedCount)
        return WrittenRecords(frames: rest.bytes, entries: rest.entries, feedNames: feedNames)
    }

    /// The run as far as its first `count` records.
    func first(_ count: Int) -> Run {
        var head = self
        head.bytes.removeLast(bytes.count - frame(count - 1).upperBound)
        head.entries.removeLast(entries.count - count)
        return head
    }
}
