import SiteConfig
import Testing

/// A generator whose numbers depend on its seed only (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite("mutations of a good site file")
struct MutationTests {
    // Goal: whatever a slip of the hand makes of a site file, it is loaded or it is explained.
    // Method: 300 seeds, each one to three slips in the example: lines dropped, doubled, moved,
    // indented by spaces or a tab; characters dropped, changed, swapped, inserted.
    @Test("a mutated file gives a site, or problems with their places", arguments: 0..<300)
    func mutated(seed: Int) throws {
        var generator = SeededGenerator(state: UInt64(seed))
        var text = try Corpus.text("example.yaml", in: "site-config")
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            text = Self.mutate(text, &generator)
        }
        let lineCount = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .count
        for problem in Corpus.problems(text) {
            #expect((1...lineCount + 1).contains(problem.place.line), "seed \(seed): \(problem)")
            #expect(problem.place.column >= 1, "seed \(seed): \(problem)")
            #expect(!problem.message.isEmpty)
        }
    }

    @Test("most slips in what is no comment are found")
    func found() throws {
        let example = try Corpus.text("example.yaml", in: "site-config")
        let bare = example.split(separator: "\n")
            .map { $0.prefix { $0 != "#" } }
            .filter { $0.contains { $0 != " " } }.joined(separator: "\n")
        #expect(Corpus.problems(bare).isEmpty)
        let found = (0..<300).count { seed in
            var generator = SeededGenerator(state: UInt64(seed))
            return !Corpus.problems(Self.mutate(bare, &generator)).isEmpty
        }
        #expect(found >= 150, "\(found) of 300")
    }

    private static func mutate(_ text: String, _ generator: inout SeededGenerator) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let index = Int.random(in: 0..<lines.count, using: &generator)
        let other = Int.random(in: 0..<lines.count, using: &generator)
        switch Int.random(in: 0..<9, using: &generator) {
        case 0: lines.remove(at: index)
        case 1: lines.insert(lines[index], at: index)
        case 2: lines.swapAt(index, other)
        case 3: lines[index] = "\t" + lines[index]
        case 4: lines[index] = " " + lines[index]
        case 5: lines[index] = String(lines[index].drop { $0 == " " })
        default: lines[index] = slip(lines[index], &generator)
        }
        return lines.joined(separator: "\n")
    }

    private static func slip(_ line: String, _ generator: inout SeededGenerator) -> String {
        var letters = Array(line)
        guard !letters.isEmpty else { return "x" }
        let index = Int.random(in: 0..<letters.count, using: &generator)
        let odd = Array("{}[]:,-#&*!|>'\"%@`$~ \t0aZ\u{7}\u{FEFF}é").randomElement(
            using: &generator
        )
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: letters.remove(at: index)
        case 1: letters[index] = odd ?? "x"
        case 2: letters.insert(odd ?? "x", at: index)
        default: letters.swapAt(index, max(index - 1, 0))
        }
        return String(letters)
    }
}
