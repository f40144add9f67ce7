internal import Archive
internal import ArgumentParser
internal import Foundation
internal import Reader
internal import SiteConfig
internal import Telemetry

/// `cerro archive pin`: intervals that are kept for ever.
struct ArchivePinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin",
        abstract: "Keeps the samples of an interval for ever, whatever retention says.",
        discussion: """
            They stand in `pins.yaml` beside the archive. What retention has removed before does \
            not come back.
            """,
        subcommands: [
            ArchivePinAddCommand.self, ArchivePinListCommand.self, ArchivePinRemoveCommand.self,
        ],
        defaultSubcommand: ArchivePinAddCommand.self
    )

    fileprivate static var holder: String {
        "cerro archive pin, process \(ProcessInfo.processInfo.processIdentifier)"
    }

    fileprivate static func change(
        _ directory: ArchiveDirectory,
        _ change: (inout [Pin]) throws(ArchiveError) -> Void
    ) throws(CommandFailure) {
        do throws(ArchiveError) {
            try directory.changePins(holder: holder, change)
        } catch {
            throw CommandFailure(.failed, "\(error)")
        }
    }

    /// A pin as a map.
    static func value(_ pin: Pin) -> Value {
        [
            "from": .string(pin.range.lowerBound.description),
            "to": .string(pin.range.upperBound.description), "note": .string(pin.note),
        ]
    }
}

/// `cerro archive pin add`: one more.
struct ArchivePinAddCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Pins an interval; `cerro archive pin` alone does the same."
    )

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "From when on.",
            discussion: "ISO 8601, Unix seconds, `now`, or a time before now: -1h, -90s, -3600.",
            valueName: "time"
        )
    )
    var from: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Until when, not included.", valueName: "time")
    )
    var to: String

    @Option(help: ArgumentHelp("Why, one line.", valueName: "text"))
    var note = ""

    @OptionGroup var archive: ArchiveOption

    func run() throws {
        let pin = try pin(at: SystemTimeSource().now)
        try ArchivePinCommand.change(try archive.archive()) { $0.append(pin) }
        Console.current.note(
            "\(pin.range.lowerBound) to \(pin.range.upperBound) is kept for ever"
        )
    }

    /// The pin that is meant.
    func pin(at now: Timestamp) throws(CommandFailure) -> Pin {
        let first: Timestamp
        let last: Timestamp
        do throws(QueryError) {
            first = try TimeArgument(from, argument: "--from", isStart: true).resolved(at: now)
            last = try TimeArgument(to, argument: "--to").resolved(at: now)
        } catch { throw CommandFailure(.usage, "\(error)") }
        guard first < last else {
            throw CommandFailure(
                .usage,
                "--from \(first) is not before --to \(last); the end is not included"
            )
        }
        return Pin(range: first..<last, note: note)
    }
}

/// `cerro archive pin list`: all of them.
struct ArchivePinListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the pinned intervals."
    )

    @OptionGroup var archive: ArchiveOption
    @OptionGroup var format: FormatOption

    func run() throws {
        let directory = try archive.archive()
        let pins: [Pin]
        do throws(ArchiveError) {
            pins = try directory.pins()
        } catch { throw CommandFailure(.failed, "\(error)") }
        let console = Console.current
        if format.isJSON {
            return console.answer(Value.array(pins.map(ArchivePinCommand.value)).json)
        }
        guard !pins.isEmpty else { return console.note("nothing is pinned") }
        var table = TextTable([
            ("number", .right), ("from", .left), ("to", .left), ("note", .left),
        ])
        for (number, pin) in pins.enumerated() {
            table.append([
                String(number + 1), pin.range.lowerBound.description,
                pin.range.upperBound.description, TextTable.onOneLine(pin.note),
            ])
        }
        for line in table.lines { console.answer(line) }
    }
}

/// `cerro archive pin remove`: one less.
struct ArchivePinRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Takes a pin away: retention counts there again."
    )

    @Argument(help: "Its number in `cerro archive pin list`.")
    var number: Int

    @OptionGroup var archive: ArchiveOption

    func run() throws {
        let directory = try archive.archive()
        let number = number
        var removed: Pin?
        try ArchivePinCommand.change(directory) { pins in
            if pins.indices.contains(number - 1) { removed = pins.remove(at: number - 1) }
        }
        guard let removed else {
            throw CommandFailure(
                .failed,
                "there is no pin \(number); `cerro archive pin list` shows them"
            )
        }
        Console.current.note(
            "\(removed.range.lowerBound) to \(removed.range.upperBound) is not pinned any more"
        )
    }
}
