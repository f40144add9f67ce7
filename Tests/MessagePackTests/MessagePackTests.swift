import MessagePack
import Telemetry
import Testing

@Suite("MessagePack")
struct MessagePackTests {
    private let samples: [Value] = [
        .null, true, false, 0, -1, 127, 128, -32, -33, 65_535, 4_294_967_296,
        .int(.max), .int(.min), .double(.infinity), .double(-0.0), 1.5, "", "é",
        .string(String(repeating: "x", count: 70_000)), .bytes([]),
        .bytes([UInt8](repeating: 7, count: 300)), [], [1, [2, [3]]], [:],
        ["a": 1, "b": ["c": .null]],
    ]

    @Test("every value survives the round trip")
    func roundTrip() throws {
        for sample in samples {
            #expect(try Value(messagePack: sample.messagePack) == sample)
        }
    }

    @Test("no value is longer than its bound, and one that is handed over has the same bytes")
    func handedOver() {
        var writer = MessagePackWriter(capacity: 3)
        for sample in samples {
            #expect(sample.messagePack.count <= sample.longestMessagePack)
            writer.write(sample)
            let bytes = writer.take()
            #expect(bytes.withBytes { Array($0) } == sample.messagePack)
            #expect(bytes.count == sample.messagePack.count)
            #expect(writer.count == 0)
        }
    }

    @Test("equal maps are equal bytes, whatever order they were made in")
    func canonical() {
        let one: Value = .map(["a": 1, "b": 2, "c": 3])
        let other: Value = .map(["c": 3, "a": 1, "b": 2])
        #expect(one.messagePack == other.messagePack)
    }

    @Test("every prefix of a document is refused")
    func prefixes() {
        let bytes = Value.array(samples.filter { $0 != samples[18] }).messagePack
        for count in 0..<bytes.count {
            #expect(throws: (any Error).self) { try Value(messagePack: Array(bytes[..<count])) }
        }
    }

    @Test(
        "bytes that lie are refused before anything is built",
        arguments: [
            ([0xDD, 0xFF, 0xFF, 0xFF, 0xFF], MessagePackError.truncated(offset: 0)),
            ([0xDF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00], .truncated(offset: 0)),
            ([0xC6, 0x7F, 0xFF, 0xFF, 0xFF, 0x00], .truncated(offset: 0)),
            ([0xC1], .unexpectedType(offset: 0, byte: 0xC1)),
            ([0xD4, 0x01, 0x01], .unexpectedType(offset: 0, byte: 0xD4)),
            ([0xC0, 0xC0], .trailingBytes(offset: 1)),
            ([], .truncated(offset: 0)),
            ([UInt8](repeating: 0x91, count: 40) + [0xC0], .tooDeep(offset: 16, limit: 16)),
        ] as [([UInt8], MessagePackError)]
    )
    func refused(bytes: [UInt8], error: MessagePackError) {
        #expect(throws: error) { try Value(messagePack: bytes) }
    }

    @Test("text that is no UTF-8 and keys that are no text are refused")
    func text() {
        #expect(throws: MessagePackError.invalidText(offset: 0)) {
            try Value(messagePack: [0xA1, 0xFF])
        }
        #expect(throws: MessagePackError.invalidText(offset: 0)) {
            try Value(messagePack: [0x81, 0x01, 0x01])
        }
    }

    @Test("too many items are refused")
    func items() {
        let bytes = Value.array(Array(repeating: .null, count: 100)).messagePack
        let limits = MessagePackLimits(depth: 4, items: 100)
        #expect(throws: MessagePackError.tooManyItems(limit: 100)) {
            try Value(messagePack: bytes, limits: limits)
        }
    }

    // Goal: no bytes whatsoever trap or hang the decoder.
    // Method: random changes of good documents, from a seed that a failure prints.
    @Test("random bytes are refused or read, never more", arguments: 0..<20)
    func garbage(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let good = Value.array(samples).messagePack
        for _ in 0..<200 {
            var bytes = Array(good.prefix(Int.random(in: 0...200, using: &generator)))
            for _ in 0..<Int.random(in: 1...8, using: &generator) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[place] = .random(in: 0...255, using: &generator)
            }
            if let value = try? Value(messagePack: bytes) {
                // Compared as bytes, since a NaN is not equal to itself.
                #expect(
                    (try? Value(messagePack: value.messagePack))?.messagePack == value.messagePack
                )
            }
        }
    }
}

/// SplitMix64: small, and the same everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
