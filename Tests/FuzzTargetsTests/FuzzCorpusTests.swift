import Foundation
import FuzzTargets
import Testing

/// Bytes that once made a decoder do what it must not, and those that reach most of its code.
@Suite("every file of the fuzzing corpus is read, or refused with an error")
struct FuzzCorpusTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Corpus/fuzz")

    @Test("by the decoder that it is for", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let folder = Self.folder.appendingPathComponent(target.rawValue)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names.count >= 3)
        for name in names {
            let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
            bytes.withUnsafeBytes { target.run($0) }
        }
    }

    // Goal: what one decoder takes, another one meets some day.
    @Test("by all the others", arguments: FuzzTarget.allCases)
    func others(target: FuzzTarget) throws {
        for other in FuzzTarget.allCases where other != target {
            let folder = Self.folder.appendingPathComponent(other.rawValue)
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
                bytes.withUnsafeBytes { target.run($0) }
            }
        }
    }
}
