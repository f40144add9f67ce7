import MessagePack
import Registry
import Telemetry
import Testing

@Suite("The registry's table")
struct SiteTableTests {
    private let lease = Duration.seconds(5)

    private func row(_ instance: String, epoch: Int64, pid: Int64 = 100) -> InstanceRow {
        var row = InstanceRow(instance: instance, className: "FakeData", host: "server")
        row.epoch = epoch
        row.pid = pid
        return row
    }

    private func table(restartedAt: Duration? = nil) -> SiteTable {
        let expected = InstanceRow(instance: "cryo-1", className: "FakeData", host: "server")
        return SiteTable(expected: [expected], lease: lease, restartedAt: restartedAt)
    }

    @Test("an expected instance is missing until somebody registers")
    func missing() {
        var table = table()
        #expect(table["cryo-1"]?.state == .missing)
        #expect(table.expire(now: .zero, wallClock: Timestamp(seconds: 0)) == ["cryo-1"])
        #expect(table.register(row("cryo-1", epoch: 1), showsLease: false, now: .zero) == .granted)
        #expect(table["cryo-1"]?.state == .alive)
        #expect(table.expire(now: .seconds(1), wallClock: Timestamp(seconds: 1)).isEmpty)
    }

    @Test("another site file: who is new is missing, who has left is forgotten, who lives stays")
    func followed() {
        var table = table()
        _ = table.register(row("cryo-1", epoch: 1), showsLease: false, now: .zero)
        var byHand = InstanceRow(instance: "cryo-3", className: "FakeData", host: "server")
        byHand.state = .stopped
        let new = InstanceRow(instance: "cryo-2", className: "FakeData", host: "server")
        let version = table.version
        table.expect([new, byHand])
        #expect(table.version > version)
        #expect(table.sorted.map(\.state) == [.alive, .missing, .stopped])
        #expect(table.expire(now: .zero, wallClock: Timestamp(seconds: 0)) == ["cryo-2"])
        // One that people start is known for as long as the file names it.
        let late = Timestamp(seconds: 200_000)
        #expect(table.expire(now: .zero, wallClock: late) == ["cryo-2"])
        #expect(table["cryo-3"]?.state == .stopped)
        table.expect([])
        #expect(table.sorted.map(\.instance) == ["cryo-1"])
        table.leave("cryo-1", epoch: 1)
        #expect(table.expire(now: .zero, wallClock: late).isEmpty)
        #expect(table.sorted.isEmpty)
    }

    @Test("a second epoch is refused with the holder until the lease has ended")
    func oneHolder() {
        var table = table()
        _ = table.register(row("cryo-1", epoch: 1, pid: 7), showsLease: false, now: .zero)
        let refused = table.register(row("cryo-1", epoch: 2), showsLease: true, now: .seconds(4))
        #expect(refused == .held(host: "server", pid: 7, since: Timestamp(seconds: 0)))
        _ = table.hear("cryo-1", epoch: 1, now: .seconds(4))
        _ = table.expire(now: .seconds(9), wallClock: Timestamp(seconds: 9))
        #expect(table["cryo-1"]?.state == .alive)
        _ = table.expire(now: .milliseconds(9001), wallClock: Timestamp(seconds: 9))
        #expect(table["cryo-1"]?.state == .silent)
        let granted = table.register(row("cryo-1", epoch: 2), showsLease: false, now: .seconds(10))
        #expect(granted == .granted)
        // The old holder wakes up: it is told who has taken over, and ends.
        let late = table.hear("cryo-1", epoch: 1, now: .seconds(11))
        #expect(late == .held(host: "server", pid: 100, since: Timestamp(seconds: 0)))
    }

    @Test("who comes after the holder in the same spool takes over at once")
    func successor() {
        var table = table()
        _ = table.register(row("cryo-1", epoch: 1), showsLease: false, now: .zero)
        let granted = table.register(
            row("cryo-1", epoch: 2),
            showsLease: false,
            predecessors: [1],
            now: .seconds(1)
        )
        #expect(granted == .granted)
        #expect(table["cryo-1"]?.epoch == 2)
        let stranger = table.register(
            row("cryo-1", epoch: 3),
            showsLease: false,
            predecessors: [1],
            now: .seconds(2)
        )
        #expect(stranger == .held(host: "server", pid: 100, since: Timestamp(seconds: 0)))
        // Epoch 3 of the same spool died before it was heard here.
        let next = table.register(
            row("cryo-1", epoch: 4),
            showsLease: false,
            predecessors: [1, 2, 3],
            now: .seconds(2)
        )
        #expect(next == .granted)
    }

    @Test("a restarted registry grants only leases that are shown, for one lease")
    func restarted() {
        var table = table(restartedAt: .seconds(100))
        let new = table.register(row("a", epoch: 9), showsLease: false, now: .seconds(101))
        #expect(new == .wait(.seconds(4)))
        #expect(table["a"] == nil)
        let old = table.register(row("a", epoch: 1), showsLease: true, now: .seconds(102))
        #expect(old == .granted)
        let second = table.register(row("a", epoch: 9), showsLease: false, now: .seconds(106))
        #expect(second == .held(host: "server", pid: 100, since: Timestamp(seconds: 0)))
        #expect(
            table.register(row("b", epoch: 3), showsLease: false, now: .seconds(106)) == .granted
        )
    }

    @Test("a heartbeat of somebody unknown asks for a registration")
    func unknown() {
        var table = table()
        #expect(table.hear("cryo-1", epoch: 1, now: .zero) == .unknown)
        #expect(table.hear("nobody", epoch: 1, now: .zero) == .unknown)
    }

    @Test("who says good-bye frees the lease at once; strangers are forgotten after a day")
    func leaving() {
        var table = table()
        _ = table.register(row("guest", epoch: 1), showsLease: false, now: .zero)
        table.leave("guest", epoch: 1)
        #expect(table["guest"]?.state == .stopped)
        let next = table.register(row("guest", epoch: 2), showsLease: false, now: .seconds(1))
        #expect(next == .granted)
        table.leave("guest", epoch: 2)
        _ = table.expire(now: .seconds(2), wallClock: Timestamp(seconds: 86_400))
        #expect(table["guest"] != nil)
        _ = table.expire(now: .seconds(3), wallClock: Timestamp(seconds: 86_401))
        #expect(table["guest"] == nil)
    }

    @Test("each change raises the version, a heartbeat without news does not")
    func versions() {
        var table = table()
        let first = table.version
        _ = table.register(row("cryo-1", epoch: 1), showsLease: false, now: .zero)
        let registered = table.version
        #expect(registered > first)
        let idle: Value = ["operations": ["acquire": "idle"], "published": 10]
        _ = table.hear("cryo-1", epoch: 1, now: .seconds(1), idle)
        #expect(table.version > registered)
        let idling = table.version
        let more: Value = ["operations": ["acquire": "idle"], "published": 11]
        _ = table.hear("cryo-1", epoch: 1, now: .seconds(2), more)
        #expect(table.version == idling)
        #expect(table["cryo-1"]?.published == 11)
        for (number, news) in Self.news.enumerated() {
            let before = table.version
            _ = table.hear("cryo-1", epoch: 1, now: .seconds(3 + number), news)
            #expect(table.version > before, "\(news)")
        }
    }

    private static let news: [Value] = [
        ["operations": ["acquire": "running"]],
        ["operations": ["acquire": "running", "calibrate": "idle"]],
        [
            "faults": [
                ["id": "disk.low", "severity": "error", "since": 5, "text": "", "subject": ""]
            ]
        ],
        ["faults": []],
        ["control": ["holder": "alice", "since": 1, "until": 2]],
        ["control": .null],
    ]

    // Goal: a heartbeat whose lasting part is as the one before it is not believed to be known
    // where the row says something else meanwhile.
    // Method: the same heartbeat after each event that changes the row without it.
    @Test("the same heartbeat tells its operations again to a row that has lost them")
    func sameAgain() {
        var table = table()
        let running: Value = ["operations": ["acquire": "running"]]
        _ = table.register(row("cryo-1", epoch: 1), showsLease: false, now: .zero)
        _ = table.hear("cryo-1", epoch: 1, now: .zero, running)
        _ = table.register(row("cryo-1", epoch: 1), showsLease: true, now: .seconds(1))
        #expect(table["cryo-1"]?.operations == [:])
        _ = table.hear("cryo-1", epoch: 1, now: .seconds(1), running)
        #expect(table["cryo-1"]?.operations == ["acquire": "running"])
        table.leave("cryo-1", epoch: 1)
        #expect(table["cryo-1"]?.operations == ["acquire": "idle"])
        let version = table.version
        _ = table.hear("cryo-1", epoch: 1, now: .seconds(2), running)
        #expect(table["cryo-1"]?.operations == ["acquire": "running"])
        #expect(table["cryo-1"]?.state == .alive)
        #expect(table.version > version)
        // Back after a silence, with nothing new but that.
        _ = table.expire(now: .seconds(8), wallClock: Timestamp(seconds: 8))
        #expect(table["cryo-1"]?.state == .silent)
        let silent = table.version
        _ = table.hear("cryo-1", epoch: 1, now: .seconds(9), running)
        #expect(table["cryo-1"]?.state == .alive)
        #expect(table.version > silent)
    }
}

extension SiteTable {
    /// A heartbeat that says `more` beside who lives, and comes at the same time on both clocks.
    mutating func hear(
        _ instance: String,
        epoch: Int64,
        now: Duration,
        _ more: Value = [:]
    ) -> Answer? {
        let named: Value = ["instance": .string(instance), "epoch": .int(epoch)]
        let all = (named.map ?? [:]).merging(more.map ?? [:]) { first, _ in first }
        return Heartbeat(Value.map(all).messagePack).map {
            heartbeat($0, now: now, wallClock: Timestamp(nanoseconds: now.nanoseconds))
        }
    }
}
