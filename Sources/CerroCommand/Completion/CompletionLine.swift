/// A command line that is not complete yet, as a shell hands it over.
struct CompletionLine: Hashable, Sendable {
    /// The words behind `cerro` and before the one that is completed, without options.
    private(set) var words: [String] = []
    /// What `--site` says, where it stands there.
    private(set) var site: String?
    /// What the word that is completed begins with.
    let prefix: String

    /// What `--directory` says, where it stands there.
    private(set) var directory: String?

    /// Options behind which a value stands; all others are flags.
    static let valued: Set<String> = [
        "--agents", "--copy", "--directory", "--duration", "--end", "--expires", "--fault",
        "--feeds", "--fields", "--folder", "--for", "--format", "--from", "--height", "--host",
        "--hours", "--instance", "--instances", "--journal", "--lines", "--log", "--log-level",
        "--look", "--max-points", "--measure", "--min-stride", "--note", "--operation",
        "--outcome", "--output", "--png", "--port", "--rate", "--reader", "--reason", "--role",
        "--rounds", "--runs", "--seed", "--shape", "--site", "--small-disk", "--start",
        "--strangers", "--time", "--timeout", "--to", "--who", "--width", "-n", "-o",
    ]

    /// Reads the words, of which the one at `index` is completed.
    init(_ words: [String], index: Int, prefix: String) {
        self.prefix = prefix
        var rest = words.prefix(max(index, 0)).dropFirst()
        while let word = rest.popFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if word.hasPrefix("--"), parts.count == 2 {
                note(String(parts[0]), String(parts[1]))
            } else if Self.valued.contains(word) {
                if let value = rest.popFirst() { note(word, value) }
            } else if !word.hasPrefix("-") {
                self.words.append(word)
            }
        }
    }

    private mutating func note(_ option: String, _ value: String) {
        switch option {
        case "--site": site = value
        case "--directory": directory = value
        default: break
        }
    }

    /// The word of that number behind a command of `depth` words.
    func word(_ number: Int, behind depth: Int = 1) -> String? {
        words.count > depth + number ? words[depth + number] : nil
    }

    /// Those that begin as the word does, at most ``Limits/completions`` of them.
    func fitting(_ candidates: [String]) -> [String] {
        Array(candidates.filter { $0.hasPrefix(prefix) }.prefix(Limits.completions))
    }
}
