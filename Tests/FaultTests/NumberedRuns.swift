import CerroTesting
import Telemetry

/// What has to be read back: for each start of each source 1, 2, 3, … without hole or double.
///
/// A start is an epoch: samples belong to the last start before them.
struct NumberedRuns {
    /// One start of a source.
    struct Run {
        /// When the process was started, before it was.
        var start: Timestamp
        /// How many messages its log accepted: at least, or exactly.
        var accepted: Int64 = 0, isExact = false
    }

    private var runs: [String: [Run]]

    /// The runs of sources that were started before anything else happened.
    init(_ sources: [String]) {
        let first = Run(start: Timestamp(nanoseconds: 0))
        runs = Dictionary(uniqueKeysWithValues: sources.map { ($0, [first]) })
    }

    /// The sources.
    var sources: [String] { runs.keys.sorted() }

    /// A source is about to be started.
    mutating func begin(_ source: String, at start: Timestamp) {
        runs[source]?.append(Run(start: start))
    }

    /// The log of a source has accepted so many messages since its start.
    mutating func note(_ source: String, accepted: Int64, isExact: Bool = false) {
        guard let last = runs[source]?.indices.last else { return }
        runs[source]?[last].accepted = accepted
        runs[source]?[last].isExact = isExact
    }

    /// What is wrong with the samples of a source; nil if they are what was accepted.
    func problem(_ source: String, _ samples: [ProcessSite.Numbered]) -> String? {
        var rest = samples[...]
        let runs = (runs[source] ?? []).sorted { $0.start < $1.start }
        for (index, run) in runs.enumerated() {
            let end = index + 1 < runs.count ? runs[index + 1].start.nanoseconds : .max
            let own = rest.prefix { $0.instant < end }
            rest = rest.dropFirst(own.count)
            let what = "\(source), start \(index + 1) of \(runs.count)"
            for (place, sample) in own.enumerated() where sample.number != Int64(place + 1) {
                let before = own.dropFirst(max(0, place - 2)).prefix(5).map(\.number)
                return "\(what): \(place + 1) is missing or doubled: … \(before) …"
            }
            let count = Int64(own.count)
            if run.isExact ? count != run.accepted : count < run.accepted {
                return "\(what): \(count) samples of \(run.accepted) accepted ones"
            }
        }
        return nil
    }
}
