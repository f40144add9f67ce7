internal import Archive
internal import Telemetry

extension DataAnswer {
    /// Whether the samples of all fields will not change before `end`, so that who has the answer
    /// may keep it.
    func isFinal(before end: Timestamp) -> Bool {
        let found = Set(timelines.flatMap(\.fields).map(\.name))
        return !fields.isEmpty && fields.allSatisfy(found.contains)
            && timelines.allSatisfy { $0.finalizedUntil >= end }
    }

    /// What tells the answer to a question, which is final, from one after a late sample: a weak
    /// `ETag`.
    ///
    /// Source: RFC 9110, section 8.8.3; FNV-1a with 64 bits.
    func tag(of question: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ text: String) {
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        add(question)
        for timeline in timelines { add("\(timeline.name) \(timeline.revision)") }
        for row in gaps + marks { add("\(row)") }
        return "W/\"\(String(hash, radix: 16))\""
    }
}
