import CerroTesting
import Logging
import MessageBus
import Synchronization
import Telemetry
import Testing

private final class Lines: Sendable {
    let counts = Mutex<[String]>([])
}

private struct LineHandler: LogHandler {
    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        lines.counts.withLock { $0.append("\(event.metadata?["count"] ?? "none")") }
    }
}

@Suite("drop counter")
struct DropCounterTests {
    @Test("each reason is counted always and logged once a minute")
    func onceAMinute() {
        let lines = Lines()
        let time = ManualTimeSource()
        let logger = Logger(label: "test") { _ in LineHandler(lines: lines) }
        var drops = DropCounter(logger: logger, timeSource: time)
        for _ in 0..<5 { drops.count("too long", detail: "from a peer") }
        time.jump(by: .seconds(59))
        drops.count("too long", detail: "from a peer")
        #expect(lines.counts.withLock { $0 } == ["1"])
        time.jump(by: .seconds(1))
        drops.count("too long", detail: "from a peer")
        #expect(lines.counts.withLock { $0 } == ["1", "6"])
        #expect(drops.totals == ["too long": 7])
    }

    @Test("reasons beyond the limit are counted together")
    func manyReasons() {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var drops = DropCounter(logger: logger, timeSource: ManualTimeSource())
        for number in 0..<100 { drops.count("reason \(number)", detail: "") }
        #expect(drops.totals.count == DropCounter.mostReasons + 1)
        #expect(drops.total(of: "other") == 100 - DropCounter.mostReasons)
    }
}
