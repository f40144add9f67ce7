public import Telemetry

extension AggregatorAgent {
    /// How much is recorded and how far it is behind, every ten seconds.
    public static let recording = Feed(
        "recording",
        fields: [
            Field("records", .int, description: "taken since the process began"),
            Field("bytes", .int, unit: .byte, description: "taken since the process began"),
            Field("instances", .int, description: "instances that are being pulled"),
            Field("commit_time", unit: .second, description: "longest commit of the ten seconds"),
            Field("free", .int, unit: .byte, description: "free on the archive's disk"),
            Field("unsealed", .int, unit: .byte, description: "segments that are not sealed yet"),
            Field("waiting", .int, unit: .byte, description: "what waits for the next commit"),
            Field("commit_failures", .int, description: "refusals of the disk since it began"),
            Field(
                "behind",
                unit: .second,
                description: "age of the newest committed record of the slowest instance; "
                    + "0 where nothing is left to fetch or to commit"
            ),
        ],
        period: .seconds(10),
        description: "how much is recorded"
    )

    /// One row of ``recording``; what is free is missing where nobody knows it.
    static func recordingRow(
        at now: Timestamp,
        _ status: JournalStatus,
        instances: Int64,
        longestCommit: Duration
    ) -> Block {
        Block(
            timestamps: [now],
            columns: [
                .ints([status.records]), .ints([status.bytes]), .ints([instances]),
                .doubles([longestCommit.inSeconds]), .ints([status.free.map { Int64($0) }]),
                .ints([Int64(status.unsealed)]), .ints([Int64(status.waiting)]),
                .ints([status.failures]), .doubles([status.behind.inSeconds]),
            ]
        )
    }
}
