internal import Foundation
internal import Telemetry

/// The file that keeps what one instance writes: one a day, in UTC, and bounded.
///
/// The process of the instance writes to it directly, as its standard output and error: so nothing
/// is lost when whoever started it dies, and nobody has to copy it. The process also puts the file
/// aside: `LSA22YE.log` becomes `LSA22YE.2026-11-21.log` at the end of that day.
struct LogFile: Sendable {
    /// The file that is written to.
    let path: String
    private let mostBytes: Int
    private let mostFiles: Int

    /// The file at `path`, whose folder has to be there.
    init(
        path: String,
        mostBytes: Int = Limits.logFileBytes,
        mostFiles: Int = Limits.logFiles
    ) {
        self.path = path
        self.mostBytes = mostBytes
        self.mostFiles = mostFiles
    }

    /// How long the file is now.
    var byteCount: UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(clamping: status.st_size) : 0
    }

    /// Opens or creates the file to append to it.
    func open() throws(CommandFailure) -> FileHandle {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC
        let descriptor = Foundation.open(path, flags, 0o644)
        guard descriptor >= 0 else {
            throw CommandFailure(
                .failed,
                "\(path) cannot be opened for writing: \(String(cString: strerror(errno))). Give "
                    + "the user who runs Cerro write access to its folder, or move the spool"
            )
        }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Adds a line in the voice of whoever runs the instance; where the file cannot be written to,
    /// its program cannot be started either, and that is said elsewhere.
    func note(_ text: String, at now: Timestamp) {
        let line = now.description.prefix(19) + "+0000" + Self.voice + text + "\n"
        try? open().write(contentsOf: Data(line.utf8))
    }

    /// What tells the lines of ``note(_:at:)`` from those that the program wrote.
    private static let voice = " notice host: "

    /// Makes the file the standard output and error of this process.
    func becomeOutput() throws(CommandFailure) {
        let file = try open()
        dup2(file.fileDescriptor, STDOUT_FILENO)
        dup2(file.fileDescriptor, STDERR_FILENO)
    }

    /// Puts the file aside at the end of each day, and when it is full, until cancelled.
    func keep(_ time: any TimeSource, report: @Sendable (CommandFailure) -> Void) async {
        var day = Day(of: time.now)
        while true {
            let next = day.end - time.now
            do { try await time.sleep(for: min(max(next, .zero), Limits.logPeriod)) } catch {
                return
            }
            let now = time.now
            guard now >= day.end || isFull else { continue }
            putAside(day)
            do { try becomeOutput() } catch { report(error) }
            day = Day(of: now)
        }
    }

    private var isFull: Bool {
        byteCount >= mostBytes
    }

    /// Gives the file the name of its day; the oldest ones go beyond the limit.
    func putAside(_ day: Day) {
        let stem = String(path.dropLast(4))
        let names = [""] + (1...mostFiles).map { "-\($0)" }
        let free = names.map { "\(stem).\(day)\($0).log" }
            .first { !FileManager.default.fileExists(atPath: $0) }
        rename(path, free ?? "\(stem).\(day)-\(mostFiles).log")
        let old = earlier()
        for path in old.prefix(max(0, old.count - mostFiles)) {
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    /// The files that were put aside, oldest first.
    func earlier() -> [String] {
        let url = URL(filePath: path)
        let stem = url.deletingPathExtension().lastPathComponent
        let folder = url.deletingLastPathComponent().path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.compactMap { name -> (day: String, number: Int, path: String)? in
            guard name.hasPrefix(stem + "."), name.hasSuffix(".log") else { return nil }
            let middle = name.dropFirst(stem.count + 1).dropLast(4)
            guard middle.count >= 10, Day(text: String(middle.prefix(10))) != nil else {
                return nil
            }
            let number = middle.count == 10 ? 0 : Int(middle.dropFirst(11)) ?? 0
            return (String(middle.prefix(10)), number, folder + "/" + name)
        }
        .sorted { ($0.day, $0.number) < ($1.day, $1.number) }
        .map(\.path)
    }

    /// The last lines behind `start` that the program wrote, at most 1,000 bytes of them; for
    /// people who wonder why it ended.
    func lastLines(_ count: Int, from start: UInt64 = 0) -> [String] {
        guard let handle = FileHandle(forReadingAtPath: path) else { return [] }
        defer { try? handle.close() }
        guard let size = try? handle.seekToEnd() else { return [] }
        // A file that is shorter has taken the place of the one in which it began.
        let first = size < start ? 0 : start
        try? handle.seek(toOffset: size - min(size - first, UInt64(Limits.lastLineBytes)))
        let bytes = (try? handle.readToEnd()) ?? Data()
        return bytes.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
            .filter { !$0.contains(Self.voice) }.suffix(count).map(TextTable.onOneLine)
    }
}

extension LogFile {
    /// A day in UTC.
    struct Day: Equatable, CustomStringConvertible {
        private let number: Int64

        init(of time: Timestamp) {
            let (quotient, remainder) = time.nanoseconds.quotientAndRemainder(
                dividingBy: Self.length
            )
            number = remainder < 0 ? quotient - 1 : quotient
        }

        /// Reads `2026-11-21`; nil where it is none.
        init?(text: String) {
            guard let time = Timestamp(iso8601: text + "T00:00:00Z") else { return nil }
            self.init(of: time)
        }

        private static let length: Int64 = 86_400_000_000_000

        /// Where the next one begins.
        var end: Timestamp { Timestamp(nanoseconds: (number + 1) * Self.length) }

        /// `2026-11-21`.
        var description: String {
            String(Timestamp(nanoseconds: number * Self.length).description.prefix(10))
        }
    }
}
