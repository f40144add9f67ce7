internal import Telemetry

/// Where one journal segment or sealed file stands: `2026/11/21/050000-<id>.journal`.
///
/// The id begins with the time of creation in hexadecimal nanoseconds, so that the order of names
/// is the order of creation, also of two in one second.
public struct ArchiveFile: Hashable, Comparable, Sendable {
    /// What it is.
    public enum Kind: String, Hashable, Sendable {
        /// A segment of the journal.
        case journal
        /// A sealed file.
        case sealed = "cerro"
    }

    /// The folder of the day in UTC, `2026/11/21`, and the name without its ending.
    public let day: String, stem: String
    /// What it is.
    public let kind: Kind

    /// The file `name` in the folder `day`; nil for one that the archive did not name.
    init?(day: String, name: String) {
        guard let dot = name.lastIndex(of: "."), name.first != ".",
            let kind = Kind(rawValue: String(name[name.index(after: dot)...])),
            name[..<dot].split(separator: "-").count == 2
        else { return nil }
        self.init(day: day, stem: String(name[..<dot]), kind: kind)
    }

    /// The file at `path`, relative to the archive.
    init?(path: String) {
        guard let slash = path.lastIndex(of: "/") else { return nil }
        self.init(day: String(path[..<slash]), name: String(path[path.index(after: slash)...]))
    }

    private init(day: String, stem: String, kind: Kind) {
        self.day = day
        self.stem = stem
        self.kind = kind
    }

    /// The name of a segment that is created now.
    static func segment(created: Timestamp) -> ArchiveFile {
        let text = created.utc
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let random = ArchiveDirectory.hexadecimal(UInt64.random(in: 0 ... .max)).prefix(8)
        let time = ArchiveDirectory.hexadecimal(UInt64(bitPattern: created.nanoseconds))
        return ArchiveFile(
            day: "\(text.year)/\(two(text.month))/\(two(text.day))",
            stem: "\(two(text.hour))\(two(text.minute))\(two(text.second))-\(time)\(random)",
            kind: .journal
        )
    }

    /// How many characters the id of a segment has; that of a sealed file itself is longer.
    static let idLength = 24

    /// The id of the segment that it is or was.
    public var id: String { stem.split(separator: "-").last.map(String.init) ?? stem }

    /// The path, relative to the archive.
    public var path: String { "\(day)/\(stem).\(kind.rawValue)" }

    /// When it was created, from its name.
    var created: Timestamp? {
        UInt64(id.prefix(16), radix: 16).map { Timestamp(nanoseconds: Int64(bitPattern: $0)) }
    }

    /// The sealed file that a segment becomes.
    var sealed: ArchiveFile { ArchiveFile(day: day, stem: stem, kind: .sealed) }

    /// The order of creation; the journal comes after the sealed file that it became.
    public static func < (left: ArchiveFile, right: ArchiveFile) -> Bool {
        (left.day, left.stem, left.kind.rawValue) < (right.day, right.stem, right.kind.rawValue)
    }
}
