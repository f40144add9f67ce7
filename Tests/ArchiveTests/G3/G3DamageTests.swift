import Archive
import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite("damage of a .g3 file costs what it hits, and is named")
struct G3DamageTests {
    private static let path = "17000/1700000000.g3"
    private static let range = Timestamp(seconds: 1)..<Timestamp(seconds: 2_000_000_000)

    /// A way to damage a file, and the words that tell it.
    struct Way: Sendable, CustomStringConvertible {
        let description: String
        let words: String
        let change: @Sendable (inout G3Bytes) throws -> Void
    }

    static let table: [Way] = [
        Way(description: "a wrong checksum", words: "the frame's checksum is") { file in
            file.bytes[file.frames[2].upperBound - 1] ^= 0xFF
        },
        Way(description: "a flipped value", words: "the frame's checksum is") { file in
            let place = try file.place(of: "G3VectorDouble", in: 2)
            file.bytes[place + 40] ^= 1
        },
        Way(
            description: "an unknown version of a class",
            words: "version 9 of G3VectorDouble, known are those up to 1"
        ) { file in
            file.bytes[try file.place(of: "G3VectorDouble", in: 2) + 18] = 9
            file.seal(2)
        },
        Way(description: "an unknown class", words: "class G3VectorFoobar") { file in
            let place = try file.place(of: "G3VectorDouble", in: 2)
            file.bytes.replaceSubrange((place + 8)..<(place + 14), with: Array("Foobar".utf8))
            file.seal(2)
        },
        Way(description: "an unknown version of the frame", words: "version 2 of frames") { file in
            file.bytes[file.frames[2].lowerBound + 1] = 2
        },
        Way(description: "a huge number of entries", words: "4294967295 entries") { file in
            let start = file.frames[2].lowerBound
            file.bytes.replaceSubrange((start + 5)..<(start + 9), with: [255, 255, 255, 255])
        },
        Way(description: "a huge length", words: "a part of 9223372036854775807 bytes") { file in
            let start = file.frames[2].lowerBound + 13
            let length: [UInt8] = [255, 255, 255, 255, 255, 255, 255, 127]
            file.bytes.replaceSubrange(start..<(start + 8), with: length)
        },
        Way(description: "a length beyond the end", words: "ends inside of a frame") { file in
            let start = file.frames[2].lowerBound + 13
            file.bytes.replaceSubrange(start..<(start + 8), with: [0, 0, 0, 16, 0, 0, 0, 0])
        },
        Way(description: "a vector longer than its frame", words: "parts of 8 bytes announced") {
            file in
            let place = try file.place(of: "G3VectorDouble", in: 2)
            let count: [UInt8] = [255, 255, 255, 255, 255, 255, 255, 127]
            file.bytes.replaceSubrange((place + 26)..<(place + 34), with: count)
            file.seal(2)
        },
        Way(description: "a byte order that is none", words: "byte-order flag 7") { file in
            file.bytes[file.frames[2].lowerBound] = 7
        },
        Way(description: "zeros in place of a frame", words: "version 0 of frames") { file in
            for index in file.frames[2] { file.bytes[index] = 0 }
        },
    ]

    @Test("the frame is lost, the others are there, the place is told", arguments: table)
    func ways(way: Way) throws {
        let tree = try G3TestTree()
        let whole = try Self.count(tree.writtenStore())
        var file = try G3Bytes(tree.bytes(Self.path))
        try way.change(&file)
        try tree.put(file.bytes, Self.path)
        // Old enough not to be written to any more.
        tree.time = ManualTimeSource(SystemTimeSource().now + .seconds(3600))
        let store = try tree.open()
        try store.refresh()
        let problems = try store.problems
        #expect(problems.count == 1)
        let problem = try #require(problems.first)
        #expect(problem.hasPrefix("\(Self.path): byte "))
        #expect(problem.contains(way.words), "\(problem)")
        let place = Int(problem.dropFirst("\(Self.path): byte ".count).prefix { $0 != ":" })
        #expect(file.frames[2].contains(try #require(place)))
        #expect(try Self.count(store) == whole - 4)
        var told: [String] = []
        let summary = try G3Store.verify(root: tree.root) { told.append($0) }
        #expect(told == ["\(tree.root)/\(problem)"] && summary.problems == 1)
        let gaps = try store.gaps(in: Self.range)
        #expect(gaps.contains { $0.instance == "cryo-1" && $0.cause.contains(way.words) })
    }

    // Goal: no cut anywhere costs more than the frame that it is in, and none crashes.
    @Test("a file that is cut at any of its 64ths gives the frames before", arguments: 0..<64)
    func cuts(part: Int) throws {
        let tree = try G3TestTree()
        _ = try tree.write()
        let file = try G3Bytes(tree.bytes(Self.path))
        let length = file.bytes.count * part / 64
        try tree.put(Array(file.bytes[..<length]), Self.path)
        tree.time = ManualTimeSource(SystemTimeSource().now + .seconds(3600))
        let store = try tree.open()
        try store.refresh()
        let ends = [0] + file.frames.map(\.upperBound)
        let isWhole = ends.contains(length)
        #expect(try store.problems.count == (isWhole ? 0 : 1))
        if !isWhole {
            let last = try #require(ends.last { $0 <= length })
            #expect(try store.problems[0].hasPrefix("\(Self.path): byte "))
            #expect(try store.problems[0].contains("the file ends inside of a frame"))
            let place = try store.problems[0].split(separator: " ")[2].dropLast()
            #expect((last...length).contains(Int(place) ?? -1))
        }
        // Frames 2 and 3 of each pass are those of cryo-1 and of the gauge.
        let whole = file.frames.indices.filter { file.frames[$0].upperBound <= length }
        #expect(try Self.count(store) == whole.count { $0 >= 2 && $0 % 2 == 0 } * 4)
    }

    @Test("a bit that flips between the scan and the question is found then")
    func flippedLater() throws {
        let tree = try G3TestTree()
        let store = try tree.writtenStore()
        let whole = try Self.count(store)
        var file = try G3Bytes(tree.bytes(Self.path))
        file.bytes[file.frames[4].upperBound - 60] ^= 4
        try tree.overwrite(file.bytes, Self.path)
        #expect(try Self.count(store) == whole - 4)
        try store.refresh()
        #expect(try Self.count(store) == whole - 4)
        #expect(try store.problems.count == 1)
    }

    @Test("random bytes are damage and nothing else", arguments: 1...8)
    func random(seed: UInt64) throws {
        let tree = try G3TestTree()
        var random = SeededGenerator(seed: seed)
        let bytes = (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        try tree.put(bytes, Self.path)
        tree.time = ManualTimeSource(SystemTimeSource().now + .seconds(3600))
        let store = try tree.open()
        try store.refresh()
        #expect(try store.fields(in: Self.range).isEmpty)
        #expect(try store.problems.count == 1)
    }

    private static func count(_ store: G3Store) throws -> Int {
        try store.timeline(
            instance: "cryo-1",
            feed: "temperatures",
            fields: ["T"],
            range: range
        ).timestamps.count
    }
}

extension G3TestTree {
    /// A store over what so3g wrote.
    func writtenStore() throws -> G3Store {
        _ = try write()
        let store = try open()
        try store.refresh()
        return store
    }
}

/// The bytes of a whole file, and where its frames are.
struct G3Bytes {
    var bytes: [UInt8]
    private(set) var frames: [Range<Int>] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        while let start = frames.last.map(\.upperBound) ?? 0 as Int?, start < bytes.count {
            frames.append(start..<(parts(from: start).last.map(\.upperBound) ?? start) + 4)
        }
    }

    /// The first byte of a class's name in a frame.
    func place(of name: String, in frame: Int) throws -> Int {
        struct NotThere: Error {}
        let letters = Array(name.utf8)
        for place in frames[frame] where bytes[place...].starts(with: letters) { return place }
        throw NotThere()
    }

    /// Makes the checksum of a frame that of its contents.
    mutating func seal(_ frame: Int) {
        var crc: UInt32 = 0
        for part in parts(from: frames[frame].lowerBound) {
            for byte in bytes[part] {
                crc ^= UInt32(byte)
                for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 0 ? 0 : 0x82F6_3B78) }
            }
        }
        for index in 0..<4 {
            bytes[frames[frame].upperBound - 4 + index] = UInt8(
                truncatingIfNeeded: crc >> (8 * UInt32(index))
            )
        }
    }

    /// Keys and values of the frame that begins at `start`.
    private func parts(from start: Int) -> [Range<Int>] {
        func number(_ place: Int, _ width: Int) -> Int {
            bytes[place..<(place + width)].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        var place = start + 13
        return (0..<(2 * number(start + 5, 4))).map { _ in
            let part = (place + 8)..<(place + 8 + number(place, 8))
            place = part.upperBound
            return part
        }
    }
}
