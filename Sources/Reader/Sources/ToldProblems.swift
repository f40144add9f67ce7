internal import Logging
internal import Synchronization

/// Tells in the log what is wrong with files, each line when it comes up.
final class ToldProblems: Sendable {
    private let folder: String
    private let log = Logger(label: "reader")
    private let told = Mutex<Set<String>>([])

    /// Tells of the files in `folder`.
    init(in folder: String) {
        self.folder = folder
    }

    /// Tells those of `problems`, which are all that there are now, that were not there before.
    func tell(_ problems: [String]) {
        let new = told.withLock { told in
            defer { told = Set(problems) }
            return problems.filter { !told.contains($0) }
        }
        for problem in new.prefix(ReaderLimits.toldProblems) {
            log.warning(
                "a file of an archive is damaged",
                metadata: ["folder": "\(folder)", "what": "\(problem)"]
            )
        }
        guard new.count > ReaderLimits.toldProblems else { return }
        log.warning(
            "further damage is not told: `cerro archive verify` tells all",
            metadata: ["folder": "\(folder)", "count": "\(new.count - ReaderLimits.toldProblems)"]
        )
    }
}
