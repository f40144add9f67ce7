import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite(
    "Real processes on a full disk",
    .serialized,
    .timeLimit(.minutes(30)),
    .enabled(if: Privileges.makesNamespaces, "nobody may make namespaces here")
)
struct FullDiskTests {
    // Goal: the archive's disk fills up, then the spool's, and somebody makes room.
    // Method: small disks in memory, in a mount namespace that ends with its processes; a file of
    // ballast takes all that is left of one.
    @Test(
        "on a full disk nobody dies, readers read on, and with room again all is caught up",
        arguments: ["0 B", "8 MiB"]
    )
    func full(reserve: String) async throws {
        let form = FaultForm.current
        try await form.run("full disks") { _ in
            let disks = try await SmallDisks(["archive", "spool/fake-1"])
            var plan = ProcessSite.Plan(["fake-1", "fake-2"].map { FaultDriver.source($0) })
            plan.reserve = reserve
            try await ProcessSite.runApart(plan, on: disks) { site in
                var driver = FaultDriver(site)
                for (disk, instance, faults) in [
                    ("archive", "aggregator", ["journal.stuck", "disk.full", "disk.low"]),
                    ("spool/fake-1", "fake-1", ["spool.unwritable"]),
                ] {
                    for source in driver.sources { try await driver.untilCaughtUp(source) }
                    try disks.fill(disk)
                    try await driver.untilFault(faults, of: instance)
                    for source in driver.sources {
                        try await driver.untilAccepted(form.isLong ? 6000 : 150, by: source)
                    }
                    _ = try await site.numbers(FaultDriver.field(of: "fake-1"))
                    if instance == "aggregator" {
                        // One that begins there waits for room as well.
                        try await driver.kill(instance)
                        try driver.begin(instance, under: disks.entering)
                        try await driver.untilFault(faults, of: instance)
                    }
                    try disks.makeRoom(on: disk)
                    try await driver.untilFault(faults, of: instance, isOpen: false)
                }
                let samples = try await driver.finish()
                print("full disks, reserve \(reserve): \(samples) samples, lost 0, doubled 0")
            }
        }
    }
}
