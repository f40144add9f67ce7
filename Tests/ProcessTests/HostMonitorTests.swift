import AgentClient
import CerroTesting
import Foundation
import Telemetry
import Testing

// Goal: who looks at the page starts and stops instances there as with any other operation.
@Suite("A real browser and a host's manager", .serialized, .timeLimit(.minutes(10)))
struct HostMonitorTests {
    private static let agents = [
        "{class: Aggregator, id: aggregator, start: [record]}",
        "{class: Reader, id: reader, start: [serve]}",
        "{class: FakeData, id: fake-1, start: [acquire]}",
    ]

    @Test("an instance is stopped, started and restarted on the page")
    func operate() async throws {
        try await ManagedSite.run(agents: Self.agents) { site in
            try await site.untilRunning(["fake-1", "reader"])
            let base = "http://127.0.0.1:\(try await site.untilServed())/"
            try await BrowserPage.with { page in
                try await page.open(base)
                try await page.until("document.querySelector(\".tile[data-agent='host-here']\")")
                try await page.click(".tile[data-agent='host-here']")
                let choice = "document.querySelector(\"[data-operation='stop'] select\")"
                try await page.until("\(choice) && [...\(choice).options].length === 5")
                try await page.click("#control")

                let before = try #require(try site.processes()["fake-1"])
                try await Self.command(page, "stop")
                #expect(try site.processes()["fake-1"] == nil)
                try await Self.command(page, "start")
                let second = try #require(try site.processes()["fake-1"])
                #expect(second != before)
                try await Self.command(page, "restart")
                let third = try #require(try site.processes()["fake-1"])
                #expect(third != second)
                #expect(page.complaints.isEmpty)
            }
        }
    }

    /// Starts an operation of the manager for `fake-1`, and waits until the page says it is done.
    private static func command(_ page: BrowserPage, _ operation: String) async throws {
        let section = "[data-operation='\(operation)']"
        let start = "document.querySelector(\"\(section) button.start\")"
        try await page.until("!\(start).disabled")
        try await page.evaluate("document.querySelector(\"\(section) select\").value = 'fake-1'")
        try await page.click("\(section) button.start")
        try await page.until(
            "document.querySelector(\"\(section) .status\").textContent === 'done'"
        )
    }
}
