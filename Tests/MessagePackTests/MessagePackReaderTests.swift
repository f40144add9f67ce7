import MessagePack
import Telemetry
import Testing

@Suite("a reader of MessagePack where it stands")
struct MessagePackReaderTests {
    @Test("integers of every width come back as the library wrote them")
    func integers() throws {
        for shift in 0..<64 {
            for offset: Int64 in [-1, 0, 1] {
                for value in [1 << shift &+ offset, 0 &- (1 << shift) &+ offset] as [Int64] {
                    try Value.int(value).messagePack.withUnsafeBytes { bytes in
                        var reader = try #require(MessagePackReader(bytes))
                        #expect(reader.int() == value)
                        #expect(reader.isAtEnd)
                    }
                }
            }
        }
    }

    // Goal: what reads five integers at once knows as much as what reads one.
    // Method: integers of all widths, whole, cut off everywhere, with nothing and with much behind
    // them, and with a number beyond an Int64 among them.
    @Test("five integers in a row are read as each of them is")
    func fiveIntegers() throws {
        let tooLarge: [UInt8] = [0xCF, 0x80, 0, 0, 0, 0, 0, 0, 0]
        for shift in stride(from: 0, to: 60, by: 3) {
            let ints = (0..<5).map { (1 << (shift + $0)) * ($0 % 2 == 0 ? 1 : -1) as Int64 }
            let parts = ints.map { Value.int($0).messagePack }
            let whole = parts.flatMap(\.self)
            for more in [[], [0xC0], [UInt8](repeating: 0xFF, count: 20)] {
                try (whole + more).withUnsafeBytes { bytes in
                    var reader = try #require(MessagePackReader(bytes))
                    let found = reader.fiveInts().map { found in found.indices.map { found[$0] } }
                    #expect(found == ints)
                    #expect(reader.rest.count == more.count)
                }
            }
            let damaged =
                (1..<whole.count).map { Array(whole[..<$0]) }
                + (0..<5).map { (parts[..<$0] + [tooLarge] + parts[$0...]).flatMap(\.self) }
            for bytes in damaged {
                try bytes.withUnsafeBytes { bytes in
                    var reader = try #require(MessagePackReader(bytes))
                    let isRefused = reader.fiveInts() == nil
                    #expect(isRefused)
                    #expect(reader.rest.count == bytes.count)
                }
            }
        }
    }

    @Test("bytes, texts, truth values and arrays of every length come back")
    func lengths() throws {
        for count in [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
            let bytes = [UInt8](repeating: 0x61, count: count)
            let text = String(repeating: "é", count: count)
            let array = [Value](repeating: .null, count: count)
            let document: Value = [.bytes(bytes), .string(text), true, false, .array(array)]
            try document.messagePack.withUnsafeBytes { raw in
                var reader = try #require(MessagePackReader(raw))
                #expect(reader.array() == 5)
                #expect(reader.bytes().map(Array.init) == bytes)
                #expect(reader.text() == text)
                #expect(reader.bool() == true)
                #expect(reader.bool() == false)
                #expect(reader.array() == count)
                #expect(reader.rest.count == count)
            }
        }
    }

    @Test("items of any shape are taken whole, as bytes or as values, and maps member by member")
    func items() throws {
        for count in [0, 1, 15, 16, 65_535, 65_536] {
            let members = (0..<count).map { ("\($0)", Value.array([.int(Int64($0)), .null])) }
            let map = Value.map(Dictionary(uniqueKeysWithValues: members))
            let limits = MessagePackLimits(items: 1 << 20)
            try (map.messagePack + Value.null.messagePack).withUnsafeBytes { bytes in
                var reader = try #require(MessagePackReader(bytes))
                let whole = try reader.item(limits: limits)
                #expect(whole.count == bytes.count - 1)
                #expect(reader.null() == true)
                #expect(reader.isAtEnd)
                reader = try #require(MessagePackReader(bytes))
                let value = try reader.value(limits: limits)
                #expect(value == map)
                #expect(reader.rest.count == 1)
                reader = try #require(MessagePackReader(bytes))
                #expect(reader.map() == count)
                for _ in 0..<count {
                    let text = reader.text()
                    let key = try #require(text)
                    let member = try reader.value()
                    #expect(member == map[key])
                }
                #expect(reader.null() == true)
                #expect(throws: MessagePackError.self) { try reader.item() }
            }
        }
    }

    // Goal: no length is believed.
    // Method: every prefix of good items, and items of another type, leave the reader in place.
    @Test("what is cut off or of another type is nil, and nothing is read")
    func refused() throws {
        let items: [Value] = [
            70_000, -70_000, .int(.min), .bytes([UInt8](repeating: 1, count: 300)),
            .string(String(repeating: "a", count: 300)), .array(Array(repeating: 1, count: 300)),
        ]
        for item in items {
            let whole = item.messagePack
            for count in 1..<whole.count {
                try Array(whole[..<count]).withUnsafeBytes { bytes in
                    var reader = try #require(MessagePackReader(bytes))
                    #expect(reader.int() == nil)
                    #expect(reader.bytes() == nil)
                    #expect(reader.text() == nil)
                    #expect(reader.bool() == nil)
                    // An array is complete with the first byte of each element.
                    #expect(reader.array() == nil)
                    #expect(reader.map() == nil)
                    #expect(reader.null() == false)
                    #expect(throws: MessagePackError.self) { try reader.item() }
                    #expect(throws: MessagePackError.self) { try reader.value() }
                    #expect(reader.rest.count == count)
                }
            }
        }
        try ([0xA1, 0xFF] as [UInt8]).withUnsafeBytes { bytes in
            var reader = try #require(MessagePackReader(bytes))
            #expect(reader.text() == nil)
            #expect(reader.rest.count == 2)
        }
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        #expect(MessagePackReader(nothing).map(\.isAtEnd) == nil)
    }
}
