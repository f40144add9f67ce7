internal import ArchiveFormat
internal import Telemetry

// What is lost of a file whose footer is gone and of whose parts some are.

extension SealedFile {
    /// Why samples of the file at `path` are missing that no footer describes any more.
    func causeOfLoss(at path: String) -> String {
        let places = lost.map { "byte \($0.lowerBound) to \($0.upperBound)" }
        return "damage: \(path): from \(places.joined(separator: ", "))"
    }

    /// The rows of the ledger for what is lost, by what the file itself tells: all instances of
    /// which it had records, for as long as it is about.
    func lostRows(at path: String) -> [LedgerEntry] {
        guard !lost.isEmpty else { return [] }
        let before = CursorTable(footer.cursorsBefore)
        let recorded = footer.cursors.filter { cursor in
            let key = CursorTable.Key(instance: cursor.instance, epoch: cursor.epoch)
            return cursor.position > before.entries[key]?.position ?? 0
        }
        let seen = footer.timelines.map(\.instance) + footer.reduced.map(\.instance)
        let told = recorded.map(\.instance) + footer.instances
        return Set(told + seen).sorted().map { instance in
            LedgerEntry(
                instance: instance,
                feed: nil,
                from: footer.receivedFrom,
                to: max(footer.receivedFrom, footer.receivedTo) + .nanoseconds(1),
                count: nil,
                cause: causeOfLoss(at: path)
            )
        }
    }
}

extension SealedFile {
    /// Throws where something is lost, for those who need all of it.
    func refuseIfCut() throws(ArchiveError) {
        if let place = lost.first { throw .sealedFile(path: path, .lost(place)) }
    }
}
