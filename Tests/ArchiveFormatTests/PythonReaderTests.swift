import CerroTesting
import Foundation
import Testing

/// The reader in `clients/python`, which was written from `FileFormat.md` alone.
@Suite("a reader that was written from the page alone reads the same")
struct PythonReaderTests {
    // Goal: the page says enough, and what we read is not only what we wrote ourselves.
    @Test(
        "the corpus, bit by bit",
        arguments: [
            "all-types", "all-types-2", "all-types-3", "encodings-2", "encodings-3", "parts-3",
            "reduced-2", "reduced-3",
        ]
    )
    func corpus(name: String) throws {
        let file = CorpusTests.folder.appendingPathComponent("\(name).cerro")
        try compare(file)
    }

    @Test("random columns, and whose they are, bit by bit", arguments: 1...6)
    func random(seed: UInt64) throws {
        var generator = WordGenerator(state: seed)
        let columns = EncodingsFile.random(&generator)
        let instances = seed % 2 == 0 ? ["cryo-1", "dome"] : []
        let bytes = try EncodingsFile(columns, instances: instances).bytes
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("cerro-python-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("\(seed).cerro")
        try Data(bytes).write(to: file)
        try compare(file)
    }

    private func compare(_ file: URL) throws {
        let expected = try SealedDump([UInt8](try Data(contentsOf: file))).lines
        let found = try Python.run("clients/python/tests/dump.py", [file.path]).split(
            separator: "\n"
        ).map(String.init)
        let places = zip(found, expected).enumerated().filter { $1.0 != $1.1 }
        #expect(found.count == expected.count)
        for (line, texts) in places.prefix(3) {
            Issue.record("line \(line + 1): \(texts.0.prefix(300)) is not \(texts.1.prefix(300))")
        }
    }
}

/// The same words on every run.
private struct WordGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 0x5851_F42D_4C95_7F2D &+ 0x1405_7B7E_F767_814F
        var word = state ^ state >> 22
        word ^= word << 13
        word ^= word >> 7
        return word ^ word << 17
    }
}
