import MessagePack
import Telemetry
import Testing

@testable import MessageBus

@Suite("wire")
struct WireTests {
    private static let id = [UInt8](1...16)

    @Test("a request reads back as it was written")
    func request() throws {
        for expiry in [nil, Timestamp(nanoseconds: .max)] {
            let request = Request(
                id: Self.id,
                action: "start",
                target: "cryo-1",
                targetEpoch: .min,
                expiry: expiry,
                arguments: [
                    "operation": "acquire", "parameters": ["period": 1.5, "raw": [1, .null]],
                ]
            )
            #expect(try request.bytes.withUnsafeBytes { try Request(bytes: $0) } == request)
        }
    }

    @Test("a request for somebody else reads back as it was written, and as Wire.md draws it")
    func asker() throws {
        for asker in [
            Asker(name: "alice"), Asker(name: "web", token: "t1", address: "203.0.113.9"),
        ] {
            let request = Request(id: Self.id, action: "stop", target: "cryo-1", asker: asker)
            #expect(try request.bytes.withUnsafeBytes { try Request(bytes: $0) } == request)
        }
        let plain = Request(id: Self.id, action: "status", target: "cryo-1").bytes
        let claimed = Request(
            id: Self.id,
            action: "status",
            target: "cryo-1",
            asker: Asker(name: "alice")
        )
        let drawn = [0x98] + plain.dropFirst() + [0x93, 0xA5] + Array("alice".utf8) + [0xC0, 0xC0]
        #expect(claimed.bytes == drawn)
        let silent = [0x98] + plain.dropFirst() + [0xC0]
        #expect(try silent.withUnsafeBytes { try Request(bytes: $0) }.asker == nil)
    }

    @Test("arguments that are not to be decoded come as the bytes that they are")
    func undecoded() throws {
        let arguments: Value = ["a": [1, "b", 2.5], "c": .null]
        for asker in [nil, Asker(name: "bob")] {
            var request = Request(
                id: Self.id,
                action: "heartbeat",
                target: "registry",
                arguments: arguments,
                asker: asker
            )
            let bytes = request.bytes
            #expect(try read(bytes, undecoded: ["leave"]) == request)
            request.arguments = .bytes(arguments.messagePack)
            #expect(try read(bytes, undecoded: ["heartbeat"]) == request)
        }
        // A text that is none, a map that has not what it says, and nothing at all.
        let rests: [([UInt8], isItem: Bool)] = [
            ([0xA1, 0xFF], true), ([0x81, 0xA1, 0x61], false), ([], false),
        ]
        let beginning = Request(id: Self.id, action: "heartbeat", target: "a").bytes.dropLast()
        for (rest, isItem) in rests {
            let found = try? read(beginning + rest, undecoded: ["heartbeat"])
            #expect(found?.arguments == (isItem ? .bytes(rest) : nil))
            #expect(throws: WireError.self) { try read(beginning + rest, undecoded: []) }
        }
    }

    private func read(_ bytes: [UInt8], undecoded: Set<String>) throws -> Request {
        try bytes.withUnsafeBytes { try Request(bytes: $0, undecoded: undecoded) }
    }

    @Test("parts behind those that are known are passed over")
    func partsToCome() throws {
        let request = Request(id: Self.id, action: "stop", target: "a", asker: Asker(name: "bob"))
        let longer = [0x9A] + request.bytes.dropFirst() + [0x81, 0xA1, 0x6E, 0x01, 0xC0]
        #expect(try longer.withUnsafeBytes { try Request(bytes: $0) } == request)
        let clock = Timestamp(seconds: 1)
        let reply = Reply(id: Self.id, code: .ok, clock: clock, epoch: 5)
        let more = [0x98] + reply.bytes.dropFirst() + [0x05]
        #expect(try more.withUnsafeBytes { try Reply(bytes: $0) } == reply)
    }

    @Test("the id is read of what begins as a message does, whatever follows")
    func idOfAnything() {
        let whole = Request(id: Self.id, action: "status", target: "cryo-1").bytes
        for version in [[0x01], [0x02], [0xFF], [0xD3] + [UInt8](repeating: 0x7F, count: 8)] {
            let other = [0x97] + version + whole.dropFirst(2).prefix(18)
            for rest in [[], [0xC1], [0xDF, 0xFF, 0xFF]] as [[UInt8]] {
                #expect((other + rest).withUnsafeBytes { Wire.id(of: $0) } == Self.id)
            }
        }
        for end in 0..<20 {
            #expect(whole.prefix(end).withUnsafeBytes { Wire.id(of: $0) } == nil)
        }
        let others: [Value] = [
            .map([:]), .array([]), 5, ["1", .bytes(Self.id)], [1, .bytes(Self.id + Self.id)],
            [1, "sixteen letters."], [1.0, .bytes(Self.id)],
        ]
        for other in others {
            #expect(other.messagePack.withUnsafeBytes { Wire.id(of: $0) } == nil, "\(other)")
        }
    }

    // Each row: what stands in the place of the asker.
    @Test("an asker of another form makes the request malformed")
    func wrongAsker() {
        let plain = Request(id: Self.id, action: "status", target: "cryo-1").bytes
        let rows: [Value] = [
            "alice", 1, ["alice"], ["alice", .null], ["", .null, .null], [1, .null, .null],
            ["alice", 1, .null], ["alice", .null, ["x"]],
            [.string(String(repeating: "x", count: 129)), .null, .null],
        ]
        for value in rows {
            let bytes = [0x98] + plain.dropFirst() + value.messagePack
            #expect(throws: WireError.self) {
                try bytes.withUnsafeBytes { try Request(bytes: $0) }
            }
        }
    }

    @Test("a reply of each code reads back as it was written", arguments: ReplyCode.allCases)
    func reply(_ code: ReplyCode) throws {
        let reply = Reply(
            id: Self.id,
            code: code,
            text: "tëxt",
            result: .bytes([0, 255]),
            clock: Timestamp(seconds: 1),
            epoch: 5
        )
        #expect(try reply.bytes.withUnsafeBytes { try Reply(bytes: $0) } == reply)
        #expect((0...5).contains(code.exitCode))
        #expect((code == .ok) == (code.exitCode == 0))
    }

    @Test("a long result stands in its reply as the same value does, however long it was thought")
    func longResult() throws {
        let value: Value = ["values": .bytes([UInt8](repeating: 7, count: 1000))]
        var reply = Reply(id: Self.id, code: .ok, clock: Timestamp(seconds: 1), epoch: 5)
        for byteCount in [0, 2000] {
            let result = LongResult(byteCount: byteCount) { $0.write(value) }
            #expect(try result.value == value)
            let bytes = reply.heapBytes(with: result).withBytes { Array($0) }
            reply.result = value
            #expect(bytes == reply.bytes)
            reply.result = .null
        }
    }

    @Test("who asks may read the result where it stands, where it was done")
    func readInPlace() throws {
        for (code, expected) in [(ReplyCode.ok, Value.int(3)), (.refused, .bytes([1, 2, 3]))] {
            let reply = Reply(
                id: Self.id,
                code: code,
                result: .bytes([1, 2, 3]),
                clock: Timestamp(seconds: 1),
                epoch: 5
            )
            let read = try reply.bytes.withUnsafeBytes { bytes in
                try Reply(bytes: bytes) { $0.bytes.map { .int(Int64($0.count)) } }
            }
            #expect(read.result == expected)
        }
        let reply = Reply(id: Self.id, code: .ok, clock: Timestamp(seconds: 1), epoch: 5)
        #expect(throws: WireError.self) {
            try reply.bytes.withUnsafeBytes { try Reply(bytes: $0) { _ in nil } }
        }
    }

    @Test("the bytes of a request are those that Wire.md draws")
    func drawnRequest() {
        let request = Request(id: Self.id, action: "status", target: "cryo-1")
        let expected: [UInt8] =
            [0x97, 0x01, 0xC4, 0x10] + Self.id + [0xA6] + Array("status".utf8) + [0xA6]
            + Array("cryo-1".utf8) + [0x00, 0xC0, 0xC0]
        #expect(request.bytes == expected)
    }

    @Test("a code of a version to come is named in the text")
    func unknownCode() throws {
        let bytes = Value.array([1, .bytes(Self.id), "moon.full", "wait", .null, 0, 0]).messagePack
        let reply = try bytes.withUnsafeBytes { try Reply(bytes: $0) }
        #expect(reply.code == .internal)
        #expect(reply.text.contains("moon.full"))
    }

    @Test("a long text is cut between characters")
    func longText() throws {
        let text = String(repeating: "é", count: BusLimits.longestText)
        let reply = Reply(
            id: Self.id,
            code: .ok,
            text: "x" + text,
            clock: Timestamp(seconds: 0),
            epoch: 0
        )
        let read = try reply.bytes.withUnsafeBytes { try Reply(bytes: $0) }
        #expect(read.text.utf8.count == BusLimits.longestText - 1)
    }

    @Test("what is no request says what is wrong with it")
    func malformed() {
        let id = Value.bytes(Self.id)
        let table: [(Value, String)] = [
            (.array([1, id, "a", "b", 0, .null]), "6 parts, expected 7"),
            (.array([2, id, "a", "b", 0, .null, .null]), "wire version 2 is not spoken here"),
            (.array([0, id, "a", "b", 0, .null, .null]), "wire version 0 is not spoken here"),
            (.array([1, .bytes([1]), "a", "b", 0, .null, .null]), "begins with version and id"),
            (.array([1, id, "", "b", 0, .null, .null]), "a request is [version"),
            (.array([1, id, "a", "b", 0.5, .null, .null]), "a request is [version"),
            (.array([1, id, "a", "b", 0, "soon", .null]), "a request is [version"),
            (.array([1, id, "a", "b", 0, .null, Self.nested(17)]), "nests deeper than 16"),
            (.map([:]), "begins with version and id"),
            (.array([]), "begins with version and id"),
        ]
        for (value, words) in table {
            let error = #expect(throws: WireError.self) {
                try value.messagePack.withUnsafeBytes { try Request(bytes: $0) }
            }
            #expect(error?.description.contains(words) == true, "\(value)")
        }
        let long = [UInt8](repeating: 0, count: BusLimits.longestRequest + 1)
        #expect(throws: WireError.tooLong(byteCount: long.count, limit: long.count - 1)) {
            try long.withUnsafeBytes { try Request(bytes: $0) }
        }
    }

    private static func nested(_ levels: Int) -> Value {
        (0..<levels).reduce(.null) { inner, _ in .array([inner]) }
    }

    @Test("arguments may nest as deep as a document may")
    func depth() throws {
        let deepest = Self.nested(MessagePackLimits().depth)
        let request = Request(id: Self.id, action: "a", target: "b", arguments: deepest)
        #expect(try read(request.bytes, undecoded: []) == request)
    }

    // Goal: no bytes trap a decoder. Method: noise, and whole messages with flipped, cut and
    // doubled bytes, drawn from a printed seed.
    @Test("garbage is refused or read, never more", arguments: [1, 2, 3] as [UInt64])
    func garbage(seed: UInt64) {
        var random = SplitMix(state: seed)
        let request = Request(action: "start", target: "t", arguments: ["a": [1, "b", 2.5]]).bytes
        let reply = Reply(
            id: Self.id,
            code: .refused,
            text: "no",
            clock: Timestamp(seconds: 3),
            epoch: 9
        ).bytes
        for round in 0..<20_000 {
            var bytes: [UInt8]
            switch round % 3 {
            case 0:
                bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            case 1: bytes = request
            default: bytes = reply
            }
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(place...)
                default: bytes.insert(bytes[place], at: place)
                }
            }
            bytes.withUnsafeBytes {
                _ = try? Request(bytes: $0)
                _ = try? Request(bytes: $0, undecoded: ["start"])
                _ = try? Reply(bytes: $0)
            }
        }
    }
}

/// Numbers that are the same for a seed on every machine.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
