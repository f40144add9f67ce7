import ArchiveFormat
import MessagePack
import Telemetry
import Testing

/// A small file with every kind of part, in memory.
struct SampleFile {
    static let feed = Feed(
        "all_types",
        fields: [
            Field("number", unit: .kelvin), Field("count", .int), Field("open", .bool),
            Field("state", .string),
        ],
        period: .seconds(1),
        description: "One field of each type."
    )

    var bytes: [UInt8] = []
    var footer: SealedFooter

    init(rows: Int = 20) throws {
        let start: Int64 = 1_795_237_800_000_000_000
        var footer = SealedFooter(
            id: "00112233445566778899aabbccddeeff",
            archive: "ffeeddccbbaa99887766554433221100",
            created: Timestamp(nanoseconds: start + 3_600_000_000_000),
            sources: ["0123-source"],
            receivedFrom: Timestamp(nanoseconds: start),
            receivedTo: Timestamp(nanoseconds: start + 60_000_000_000)
        )
        footer.cursors = [Cursor(instance: "cryo-1", epoch: 5, position: 9, crc: 0xDEAD_BEEF)]
        footer.ledger = [
            LedgerEntry(
                instance: "cryo-1",
                feed: nil,
                from: Timestamp(nanoseconds: start),
                to: Timestamp(nanoseconds: start),
                count: 3,
                cause: "spool full"
            )
        ]
        footer.declarations = [
            KeptDeclaration(instance: "cryo-1", epoch: 5, revision: 1, frame: [1, 2, 3])
        ]
        footer.damage = ["bytes 10-20: checksum"]
        var written: [UInt8] = []
        var builder = try SealedFileBuilder(footer) { written += $0 }
        let times = (0..<rows).map { start + Int64($0) * 1_000_000_000 }
        let received = times.map { $0 + 250_000_000 }
        let numbers = (0..<rows).map { row -> Double? in
            switch row {
            case 0: -0.0
            case 1: .nan
            case 2: .infinity
            case 3: -.infinity
            default: row % 5 == 4 ? nil : 4.2 + Double(row) / 8
            }
        }
        let counts = (0..<rows).map { Int64($0) * 3 }
        let flags = (0..<rows).map { $0 % 3 == 0 }
        let texts = (0..<rows).map { $0 % 2 == 0 ? "open" : "" }
        try builder.add(
            "cryo-1",
            feed: Self.feed,
            epochs: [5],
            times: times,
            received: received,
            columns: [.doubles(numbers), .ints(counts), .bools(flags), .strings(texts)]
        )
        try Self.addRubbish(to: &builder, received: Timestamp(nanoseconds: start))
        self.footer = try builder.finish()
        bytes = written
    }

    private static func addRubbish(
        to builder: inout SealedFileBuilder,
        received: Timestamp
    ) throws {
        try [UInt8]("rubbish".utf8).withUnsafeBytes {
            try builder.add(
                unreadable: $0,
                instance: "cryo-1",
                epoch: 5,
                position: 4,
                received: received,
                reason: "malformed record"
            )
        }
    }

    /// Reads a file as any reader does.
    static func open(_ bytes: [UInt8]) throws(SealedFileError) -> SealedFooter {
        try SealedLayout.check(head: Array(bytes.prefix(SealedLayout.headLength)))
        let trailer = Array(bytes.suffix(SealedLayout.trailerLength))
        let range = try SealedLayout.footerRange(trailer: trailer, fileLength: bytes.count)
        let footer = try SealedLayout.footer(Array(bytes[range]), trailer: trailer)
        // What ends with a part was cut.
        guard footer.part == nil else { throw .noMagic(offset: bytes.count) }
        return footer
    }
}

@Suite("a sealed file says what it holds")
struct SealedFileTests {
    @Test("its footer comes back as it was")
    func roundTrip() throws {
        let file = try SampleFile()
        // As bytes, since NaN is not equal to NaN.
        #expect(try SampleFile.open(file.bytes).messagePack == file.footer.messagePack)
        let value = try Value(messagePack: file.footer.messagePack)
        #expect(value.messagePack == file.footer.messagePack, "its keys are in order")
        #expect(file.footer.timelines[0].groups[0].rollups.map(\.tier) == [.minute])
        #expect(file.footer.timelines[0].groups[0].longestDelay == 250_000_000)
    }

    @Test("keys that a later version adds are skipped")
    func unknownKeys() throws {
        let file = try SampleFile()
        guard case .map(var map) = try Value(messagePack: file.footer.messagePack) else { return }
        map["bloom"] = [1, 2, 3]
        #expect(try SealedFooter(.map(map)).messagePack == file.footer.messagePack)
    }

    @Test("a footer that names more parts than a reader looks for is none")
    func manyParts() throws {
        let file = try SampleFile()
        var footer = file.footer
        for (count, isRead) in [(SealedLimits.partsPerFooter, true), (65_537, false)] {
            footer.parts = Array(17..<(17 + count))
            let end = try SealedLayout.end(footer: footer, offset: file.bytes.count)
            if isRead {
                #expect(try SampleFile.open(file.bytes + end).parts == footer.parts)
            } else {
                #expect {
                    try SampleFile.open(file.bytes + end)
                } throws: { error in
                    "\(error)".contains("names 65537 parts, more than 65536")
                }
            }
        }
    }

    @Test("every damaged byte of both ends and the footer is refused")
    func everyByte() throws {
        let file = try SampleFile()
        let chunksEnd = try SealedLayout.footerRange(
            trailer: Array(file.bytes.suffix(40)),
            fileLength: file.bytes.count
        ).lowerBound
        for place in Array(0..<12) + Array(chunksEnd..<file.bytes.count) {
            var bytes = file.bytes
            bytes[place] ^= 0x10
            #expect(throws: SealedFileError.self, "byte \(place)") {
                try SampleFile.open(bytes)
            }
        }
        for length in stride(from: 0, to: file.bytes.count, by: 7) {
            #expect(throws: SealedFileError.self, "\(length) bytes") {
                try SampleFile.open(Array(file.bytes.prefix(length)))
            }
        }
    }

    @Test(
        "damage is told in words",
        arguments: [
            (0, "no magic at byte 0"), (8, "version 19 of the format"),
            (-41, "the footer is damaged: checksum"), (-16, "the footer is damaged: checksum"),
            (-40, "the footer is none"), (-8, "no magic at byte"),
        ]
    )
    func words(place: Int, words: String) throws {
        var bytes = try SampleFile().bytes
        bytes[place < 0 ? bytes.count + place : place] ^= 0x10
        #expect {
            try SampleFile.open(bytes)
        } throws: { error in
            "\(error)".contains(words)
        }
    }

    @Test("a timeline is cut at its limits and at jumps of more than an hour")
    func groups() throws {
        let big = try SampleFile(rows: 65_537)
        #expect(big.footer.timelines[0].groups.map(\.rows) == [65_536, 1])
        var footer = big.footer
        footer.timelines = []
        var builder = try SealedFileBuilder(footer) { _ in }
        let feed = Feed("sparse", fields: [Field("text", .string)])
        let times: [Int64] = [0, 3_600_000_000_000, 7_200_000_000_001, 7_200_000_000_002]
        try builder.add(
            "a",
            feed: feed,
            epochs: [1],
            times: times,
            received: times,
            columns: [.strings(["", "", "", String(repeating: "x", count: 2 << 20)])]
        )
        #expect(try builder.finish().timelines[0].groups.map(\.rows) == [2, 1, 1])
    }
}
