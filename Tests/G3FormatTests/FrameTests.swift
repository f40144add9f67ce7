import Foundation
import G3Format
import Testing

@Suite("frames of a .g3 file")
struct FrameTests {
    // Goal: what so3g writes is read, value by value.
    // Method: the file in the corpus was written by so3g 0.2.9.
    @Test("a file of so3g is read")
    func example() throws {
        let frames = try Self.frames(try Self.corpus())
        #expect(frames.count == 3)
        guard case .session(let id, let start, let text) = try HousekeepingFrame(frames[0]) else {
            Issue.record("no session")
            return
        }
        #expect(id == 0x5F37_59DF_1234_5678 && text == "HK data")
        #expect(start == 1_700_000_000.25)
        guard case .status(_, _, let providers) = try HousekeepingFrame(frames[1]),
            case .data(let data) = try HousekeepingFrame(frames[2])
        else {
            Issue.record("not a status and data")
            return
        }
        #expect(providers == [0: "observatory.thermo1.feeds.temperatures"])
        #expect(data.address == "observatory.thermo1.feeds.temperatures")
        let block = try #require(data.blocks.first)
        #expect(block.name == "temps" && block.count == 2)
        #expect(block.nanoseconds == [1_700_000_001_000_000_000, 1_700_000_002_000_000_000])
        #expect(block.fields["T"]?.doubles == [0.1, 0.25])
        #expect(block.fields["n"]?.integers == [3, -300])
        #expect(block.fields["ok"]?.bools == [true, false])
        #expect(block.fields["st"]?.strings == ["a", "bc"])
    }

    @Test("what is written is read back")
    func roundTrip() throws {
        let bytes = Self.written()
        let frames = try Self.frames(bytes)
        #expect(frames.map(\.type) == ["H", "H", "H"])
        guard case .data(let data) = try HousekeepingFrame(frames[2]) else {
            Issue.record("no data")
            return
        }
        let block = data.blocks[0]
        #expect(block.nanoseconds == [-10, 0, 1_700_000_000_000_000_010])
        #expect(block.fields["a"]?.doubles.map(\.bitPattern) == Self.doubles.map(\.bitPattern))
        #expect(block.fields["b"]?.integers == [.min, 0, .max])
        #expect(block.fields["c"]?.bools == [true, false, true])
        #expect(block.fields["Å"]?.strings == ["", "x", "🔭"])
    }

    @Test("a file that is cut off gives its whole frames, and says where it ends")
    func cuts() throws {
        let bytes = try Self.corpus()
        let ends = try Self.frames(bytes).map(\.range.upperBound)
        for length in bytes.indices {
            var reader = Self.reader(Array(bytes[..<length]))
            let whole = ends.count { $0 <= length }
            for _ in 0..<whole {
                guard case .frame? = try reader.next() else {
                    Issue.record("frame missing of \(length) bytes")
                    return
                }
            }
            let start = whole == 0 ? 0 : ends[whole - 1]
            guard length > start else {
                #expect(try reader.next() == nil)
                continue
            }
            guard case .damage(let range, let error)? = try reader.next() else {
                Issue.record("no damage at \(length)")
                return
            }
            #expect(range == start..<length && error.reason == .cutOff)
            #expect(try reader.next() == nil)
            #expect(reader.offset == start)
        }
    }

    // Goal: damage costs the frame that it is in, and no lying length costs memory.
    @Test("a flipped bit costs one frame at most")
    func flips() throws {
        let bytes = try Self.corpus()
        let frames = try Self.frames(bytes)
        for place in bytes.indices {
            var damaged = bytes
            damaged[place] ^= 1 << UInt8(place % 8)
            var reader = Self.reader(damaged)
            var found: [G3Frame] = []
            while let item = try reader.next() {
                guard case .frame(let frame) = item else { continue }
                found.append(frame)
                // A length or type that lies is not covered by the checksum: it must not crash.
                _ = try? HousekeepingFrame(frame)
            }
            let hit = try #require(frames.firstIndex { $0.range.contains(place) })
            for (number, frame) in frames.enumerated() where number < hit {
                #expect(found.contains(frame), "byte \(place)")
            }
            #expect(found.count >= 2, "byte \(place)")
        }
    }

    private static let doubles = [0.1, -.infinity, Double.nan]

    private static func written() -> [UInt8] {
        let writer = HousekeepingWriter(session: 42, start: 1_700_000_000)
        let address = "observatory.cryo-1.feeds.temperatures"
        return writer.sessionFrame + writer.status([7: address], timestamp: 1_700_000_001)
            + writer.data(
                provider: 7,
                address: address,
                agentStart: 1_700_000_000.5,
                timestamp: 1_700_000_002,
                blocks: [
                    .init(
                        name: "main",
                        nanoseconds: [-1, 0, 1_700_000_000_000_000_019],
                        fields: [
                            ("c", .bools([true, false, true])), ("a", .doubles(doubles)),
                            ("b", .integers([.min, 0, .max])), ("Å", .strings(["", "x", "🔭"])),
                        ]
                    )
                ]
            )
    }

    private static func corpus() throws -> [UInt8] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
        return Array(try Data(contentsOf: folder.appending(path: "Corpus/g3/so3g-0.2.9.g3")))
    }

    private static func reader(_ bytes: [UInt8]) -> G3FrameReader {
        G3FrameReader(size: bytes.count) { buffer, offset in
            let part = bytes[offset...].prefix(buffer.count)
            buffer.copyBytes(from: part)
            return part.count
        }
    }

    private static func frames(_ bytes: [UInt8]) throws -> [G3Frame] {
        var reader = reader(bytes)
        var frames: [G3Frame] = []
        while let item = try reader.next() {
            switch item {
            case .frame(let frame): frames.append(frame)
            case .damage(_, let error): throw error
            }
        }
        return frames
    }
}
