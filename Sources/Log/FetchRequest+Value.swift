public import Telemetry

// How a fetch and its answer look in a request and its reply; `Wire.md` lists the keys.

extension FetchRequest {
    /// The arguments of a request.
    public var value: Value {
        [
            "archive": .string(archive), "epoch": .int(epoch), "after": .int(after),
            "crc": .int(Int64(crc)), "committed_epoch": .int(committedEpoch),
            "committed": .int(committedPosition), "max_bytes": .int(Int64(maxBytes)),
        ]
    }

    /// Reads the arguments of a request; nil where one is missing or makes no sense.
    public init?(_ value: Value) {
        guard let archive = value["archive"]?.string, Name.isValid(archive),
            let epoch = value["epoch"]?.int, let after = value["after"]?.int,
            let crc = value["crc"]?.int.flatMap(UInt32.init(exactly:)),
            let committedEpoch = value["committed_epoch"]?.int,
            let committedPosition = value["committed"]?.int,
            let maxBytes = value["max_bytes"]?.int.flatMap(Int.init(exactly:)),
            epoch >= 0, after >= 0, committedEpoch >= 0, committedPosition >= 0, maxBytes > 0
        else { return nil }
        self.init(
            archive: archive,
            epoch: epoch,
            after: after,
            crc: crc,
            committedEpoch: committedEpoch,
            committedPosition: committedPosition,
            maxBytes: maxBytes
        )
    }
}

extension FetchAnswer {
    /// The result of a reply.
    public var value: Value {
        let (name, next): (String, Int64?) =
            switch state {
            case .more: ("more", nil)
            case .caughtUp: ("caught-up", nil)
            case .finished(let nextEpoch): ("finished", nextEpoch)
            case .gone(let nextEpoch): ("gone", nextEpoch)
            case .diverged(let nextEpoch): ("diverged", nextEpoch)
            }
        return [
            "epoch": .int(epoch), "first": .int(first), "count": .int(count),
            "frames": .bytes(frames), "state": .string(name),
            "next_epoch": next.map { .int($0) } ?? .null,
            "losses": .array(losses.map(\.value)),
        ]
    }

    /// Reads the result of a reply; nil where it is none.
    public init?(_ value: Value) {
        guard let epoch = value["epoch"]?.int, let first = value["first"]?.int,
            let count = value["count"]?.int, let frames = value["frames"]?.bytes,
            let name = value["state"]?.string, let losses = value["losses"]?.array
        else { return nil }
        let next = value["next_epoch"]?.int
        let state: State
        switch (name, next) {
        case ("more", _): state = .more
        case ("caught-up", _): state = .caughtUp
        case ("finished", _): state = .finished(nextEpoch: next)
        case ("gone", let next?): state = .gone(nextEpoch: next)
        case ("diverged", let next?): state = .diverged(nextEpoch: next)
        default: return nil
        }
        self.init(
            epoch: epoch,
            first: first,
            count: count,
            frames: frames,
            state: state,
            losses: losses.compactMap(LedgerEntry.init)
        )
    }
}
