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
        _ = table.heartbeat("cryo-1", epoch: 1, now: .seconds(4)) { _ in }
        _ = table.expire(now: .seconds(9), wallClock: Timestamp(seconds: 9))
        #expect(table["cryo-1"]?.state == .alive)
        _ = table.expire(now: .milliseconds(9001), wallClock: Timestamp(seconds: 9))
        #expect(table["cryo-1"]?.state == .silent)
        let granted = table.register(row("cryo-1", epoch: 2), showsLease: false, now: .seconds(10))
        #expect(granted == .granted)
        // The old holder wakes up: it is told who has taken over, and ends.
        let late = table.heartbeat("cryo-1", epoch: 1, now: .seconds(11)) { _ in }
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
        #expect(table.heartbeat("cryo-1", epoch: 1, now: .zero) { _ in } == .unknown)
        #expect(table.heartbeat("nobody", epoch: 1, now: .zero) { _ in } == .unknown)
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
        _ = table.heartbeat("cryo-1", epoch: 1, now: .seconds(1)) { $0.published = 10 }
        #expect(table.version == registered)
        _ = table.heartbeat("cryo-1", epoch: 1, now: .seconds(2)) {
            $0.operations = ["acquire": "running"]
        }
        #expect(table.version > registered)
    }
}
