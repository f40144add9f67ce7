internal import Archive
internal import Telemetry

/// What the reader knows of itself and of its archive, as metrics.
struct ReaderMetrics {
    let counts: [(kind: QueryCounters.Kind, count: QueryCounters.Count)]
    let sentBytes: Int
    /// Requests that nobody got in with, by reason.
    let refused: [String: Int]
    let load: (running: Int, waiting: Int)
    let watchers: Int
    let droppedSamples: Int
    /// Connections of HTTP that were refused or ended, by reason.
    let ended: [String: Int]
    /// Nil while the archive is not open.
    let archive: ArchiveStatus?
    /// Nil where it could not be worked out.
    let completeness: CompletenessAnswer?
    let now: Timestamp

    func write(to text: inout MetricsText) {
        let outcomes: [(name: String, count: KeyPath<QueryCounters.Count, Int>)] = [
            ("answered", \.answered), ("refused", \.refused), ("failed", \.failed),
        ]
        text.add(
            .counter,
            "reader",
            unit: "queries",
            help: "queries by kind and outcome; those that found too many waiting are refused",
            counts.flatMap { kind, count in
                outcomes.map { outcome in
                    .init(
                        Double(count[keyPath: outcome.count]),
                        ("kind", kind.rawValue),
                        ("outcome", outcome.name)
                    )
                }
            }
        )
        text.add(
            .summary,
            "reader_query",
            unit: "seconds",
            help: "time from question to answer, waiting included",
            counts.flatMap { kind, count -> [MetricsText.Sample] in
                [
                    .init(Double(count.all), suffix: "_count", ("kind", kind.rawValue)),
                    .init(count.time.inSeconds, suffix: "_sum", ("kind", kind.rawValue)),
                ]
            }
        )
        writeConnections(to: &text)
        if let archive {
            writeMemory(archive, to: &text)
            write(archive, to: &text)
        }
        if let completeness { write(completeness, to: &text) }
    }

    private func writeConnections(to text: inout MetricsText) {
        text.add(
            .counter,
            "reader_refused",
            unit: "requests",
            help: "requests of whoever did not get in, or may not command, by reason",
            refused.sorted { $0.key < $1.key }.map { reason, count in
                .init(Double(count), ("reason", reason))
            }
        )
        text.add(
            .counter,
            "reader_sent",
            unit: "bytes",
            help: "bytes of answers over HTTP",
            [.init(Double(sentBytes))]
        )
        text.add(
            .gauge,
            "reader_open",
            unit: "queries",
            help: "queries that run or wait for a thread",
            [
                .init(Double(load.running), ("state", "running")),
                .init(Double(load.waiting), ("state", "waiting")),
            ]
        )
        text.add(
            .gauge,
            "reader_event",
            unit: "streams",
            help: "event streams that are open",
            [.init(Double(watchers))]
        )
        text.add(
            .counter,
            "reader_dropped",
            unit: "samples",
            help: "live samples that are not shown, since there are too many fields",
            [.init(Double(droppedSamples))]
        )
        text.add(
            .counter,
            "reader_ended",
            unit: "connections",
            help:
                "connections on which no HTTP came, or that rested while others needed their place",
            ["malformed request", "resting connection ended"].map { reason in
                .init(Double(ended[reason] ?? 0), ("reason", reason))
            }
        )
    }

    private func writeMemory(_ archive: ArchiveStatus, to text: inout MetricsText) {
        text.add(
            .gauge,
            "reader_cache",
            unit: "bytes",
            help: "chunks of files that are kept",
            [.init(Double(archive.cacheBytes))]
        )
        text.add(
            .gauge,
            "reader_cache_limit",
            unit: "bytes",
            help: "chunks of files that may be kept",
            [.init(Double(archive.cacheLimit))]
        )
        text.add(
            .counter,
            "reader_cache",
            unit: "lookups",
            help: "chunks that were wanted",
            [.init(Double(archive.lookups))]
        )
        text.add(
            .counter,
            "reader_cache",
            unit: "hits",
            help: "chunks that were wanted and there",
            [.init(Double(archive.hits))]
        )
        text.add(
            .gauge,
            "reader_open",
            unit: "bytes",
            help: "rows of open segments in memory, about",
            [.init(Double(archive.openBytes))]
        )
    }

    private func write(_ archive: ArchiveStatus, to text: inout MetricsText) {
        text.add(
            .gauge,
            "archive",
            unit: "files",
            help: "files of the archive by kind",
            [
                .init(Double(archive.sealedFiles), ("kind", "sealed")),
                .init(Double(archive.segments), ("kind", "journal")),
            ]
        )
        guard let newest = archive.newest else { return }
        text.add(
            .gauge,
            "archive_newest_timestamp",
            unit: "seconds",
            help: "time of the newest committed sample",
            [.init(newest.unixSeconds)]
        )
        text.add(
            .gauge,
            "archive_lag",
            unit: "seconds",
            help: "age of the newest committed sample",
            [.init((now - newest).inSeconds)]
        )
    }

    private func write(_ completeness: CompletenessAnswer, to text: inout MetricsText) {
        let shown = completeness.timelines.prefix(ReaderLimits.metricFeeds)
        text.add(
            .gauge,
            "feed_completeness",
            unit: "ratio",
            help: "part of the last hour's rows that is there, of what was published",
            shown.compactMap { timeline in
                let rows = timeline.hours.reduce(0) { $0 + $1.rows }
                let missing = timeline.hours.reduce(Int64?(0)) { sum, hour in
                    hour.missing.flatMap { missing in sum.map { $0 + missing } }
                }
                guard let missing, rows + missing > 0 else { return nil }
                let parts = timeline.name.split(separator: ".", maxSplits: 1).map(String.init)
                return .init(
                    Double(rows) / Double(rows + missing),
                    ("agent", parts[0]),
                    ("feed", parts.count > 1 ? parts[1] : "")
                )
            }
        )
        text.add(
            .gauge,
            "completeness_hidden",
            unit: "feeds",
            help: "feeds whose completeness is not shown, since there are too many",
            [.init(Double(completeness.timelines.count - shown.count))]
        )
    }
}
