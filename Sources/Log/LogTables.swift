internal import ArchiveFormat

/// An epoch whose records may still be in the folder.
struct EpochEntry: Hashable, Sendable {
    let epoch: Int64
    /// The boot of the machine during which it was written.
    let bootID: String
    /// Whether all of it was synced before the log let go of it.
    var isClosed: Bool
}

/// How far an archive has committed.
struct Progress: Hashable, Sendable {
    var epoch: Int64, position: Int64
}

/// The two small files of a log: lines of words in a frame, so that damage is noticed and people
/// can read them; each is replaced in one step.
enum LogTables {
    static let epochs = "epoch"
    static let commits = "commits"

    static func encode(_ epochs: [EpochEntry]) -> [UInt8] {
        framed(epochs.map { "\($0.epoch) \($0.bootID) \($0.isClosed ? "closed" : "open")" })
    }

    static func encode(_ commits: [String: Progress]) -> [UInt8] {
        framed(
            commits.sorted { $0.key < $1.key }.map {
                "\($0.key) \($0.value.epoch) \($0.value.position)"
            }
        )
    }

    static func epochs(_ bytes: [UInt8]) -> [EpochEntry] {
        lines(bytes).compactMap { words in
            guard words.count == 3, let epoch = Int64(words[0]) else { return nil }
            return EpochEntry(
                epoch: epoch,
                bootID: String(words[1]),
                isClosed: words[2] == "closed"
            )
        }
    }

    static func commits(_ bytes: [UInt8]) -> [String: Progress] {
        var commits: [String: Progress] = [:]
        for words in lines(bytes) {
            guard words.count == 3, let epoch = Int64(words[1]), let position = Int64(words[2])
            else { continue }
            commits[String(words[0])] = Progress(epoch: epoch, position: position)
        }
        return commits
    }

    private static func framed(_ lines: [String]) -> [UInt8] {
        var bytes: [UInt8] = []
        // A frame is never empty, and neither is a file with a headline.
        let text = (["cerro log"] + lines).map { $0 + "\n" }.joined()
        Array(text.utf8).withUnsafeBytes { _ = Frame.append($0, to: &bytes) }
        return bytes
    }

    private static func lines(_ bytes: [UInt8]) -> [[Substring]] {
        bytes.withUnsafeBytes { buffer in
            var scanner = FrameScanner(buffer)
            guard case .frame(_, let payload, _)? = scanner.next() else { return [] }
            return String(decoding: payload, as: UTF8.self).split(separator: "\n").map {
                $0.split(separator: " ")
            }
        }
    }
}
