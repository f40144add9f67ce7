import ArchiveFormat
import CerroTesting
import Telemetry

@testable import Log

// What happens to the host of an agent, and which records may be missing because of it.
extension SimulatedAgent {
    /// Takes the power away.
    func cutPower(_ problems: inout [String]) async {
        for index in published.indices where !published[index].isSynced {
            check(published[index], &problems)
            published[index].excuses.insert(.powerLoss)
            // That nothing is in memory any more was not synced either.
            if published[index].wasInMemory { published[index].excuses.insert(.memory) }
        }
        await kill()
        lastCutEpoch = newestEpoch
        boot += 1
        disk.powerCut()
    }

    /// Nothing that was written an interval before the power went may be unsynced.
    private func check(_ record: Published, _ problems: inout [String]) {
        guard let returned = record.returned, let written = record.written, log != nil,
            !isInMemory, record.excuses == excuses, !damagedEpochs.contains(record.admission.epoch)
        else { return }
        let since = max(returned, written, started)
        if record.feed.isDurable {
            problems.append("\(name): record \(record.number) is durable, and was not synced")
        } else if lastWork - since > settings.syncInterval {
            problems.append(
                "\(name): record \(record.number) was written \(lastWork - written) before the "
                    + "power went, and was not synced"
            )
        }
    }

    func takeBackup() {
        backup = disk.snapshot()
    }

    /// Starts the machine again with the last backup on its disk.
    func rollBack() async {
        guard let backup else { return }
        let known = savedArchives.union(log?.commits.keys.map { $0 } ?? [])
        await kill()
        (lastCutEpoch, lastRolledBackEpoch) = (newestEpoch, newestEpoch)
        boot += 1
        for index in published.indices { published[index].excuses.insert(.rolledBack) }
        disk.restore(backup)
        for index in published.indices where isBarelyKnown(published[index].admission.epoch) {
            published[index].isUntold = true
        }
        // An archive that came later is a stranger, for what is to come as well.
        if !known.isSubset(of: savedArchives) { excuse(.forgotten) }
    }

    /// Whether the disk knows no more of an epoch than that it began: so it is with one of which
    /// the archives have committed everything.
    private func isBarelyKnown(_ epoch: Int64) -> Bool {
        func names(_ table: String) -> Bool {
            LogTables.epochs(disk.bytes(of: "/spool/\(table)")).contains { $0.epoch == epoch }
        }
        let holds = disk.paths.contains { $0.hasPrefix("/spool/\(epoch)-") }
        return names(LogTables.starts) && !names(LogTables.epochs) && !holds
    }

    /// Flips a bit of a segment, which may cost a record.
    func flipBit(_ random: inout SeededGenerator) {
        _ = disk.flipBit(&random, in: { $0.hasSuffix(".log") }) { path, bytes, offset in
            hit(path, bytes, offset..<(offset + 1))
        }
    }

    /// Damages one of the segments, or one of the tables.
    func rot(isCut: Bool, _ random: inout SeededGenerator) {
        let isSegment = random.below(2) == 0
        let isMeant: (String) -> Bool = { path in
            path.hasPrefix("/spool/") && path.hasSuffix(".log") == isSegment
                && !path.hasSuffix("/lock")
        }
        func hit(_ path: String, _ bytes: [UInt8], _ offset: Int) {
            let range = offset..<(isCut ? bytes.count : offset + 1)
            if isSegment { self.hit(path, bytes, range) } else { hitTable(path, range) }
        }
        _ =
            isCut
            ? disk.cut(&random, in: isMeant, onHit: hit)
            : disk.flipBit(&random, in: isMeant, onHit: hit)
    }

    /// What may be missing when a table is not as it was written.
    private func hitTable(_ path: String, _ range: Range<Int>) {
        for index in published.indices {
            published[index].excuses.insert(path.hasSuffix("/commits") ? .forgotten : .unreadable)
        }
        // Whom the log has forgotten may miss what comes as well.
        if path.hasSuffix("/commits") {
            excuses.insert(.forgotten)
        } else {
            tableExcuses.insert(.unreadable)
        }
        notes.append("\(name): \(path) rots at \(range)")
    }

    /// What may be missing when the bytes in `range` of a segment are not as they were written.
    private func hit(_ path: String, _ bytes: [UInt8], _ range: Range<Int>) {
        for record in SegmentRecord.all(in: bytes) where record.range.overlaps(range) {
            hit(record.loss, record.header)
        }
        notes.append("\(name): \(path) rots at \(range)")
    }

    private func hit(_ loss: RecordLoss?, _ header: RecordHeader) {
        for index in published.indices {
            let place = published[index].admission
            switch header.kind {
            // What it declares cannot be read before another segment declares it again.
            case .declaration where place.epoch == header.epoch:
                published[index].excuses.insert(.damage)
            case .loss where loss?.names(place) ?? false: published[index].isUntold = true
            default:
                guard (place.epoch, place.position) == (header.epoch, header.position) else {
                    continue
                }
                published[index].excuses.insert(.damage)
            }
        }
        if header.kind == .declaration { damagedEpochs.insert(header.epoch) }
    }
}
