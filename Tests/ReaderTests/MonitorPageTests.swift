import CerroTesting
import Foundation
import Telemetry
import Testing

@testable import Reader

@Suite("The monitor page in a browser, on a site that stands still", .timeLimit(.minutes(1)))
struct MonitorPageTests {
    /// 200 agents of all states, some with faults.
    private static let rows = (0..<200).map { number in
        let name = "cryo-" + (number < 10 ? "00" : number < 100 ? "0" : "") + "\(number)"
        var row = InstanceRow(instance: name, className: "Lakeshore372", host: "dome")
        row.state = number % 40 == 7 ? .silent : number % 50 == 9 ? .missing : .alive
        row.seen = at(row.state == .silent ? 17 : 99.6)
        row.operations = [
            "acquire": row.state == .alive ? "running" : "idle", "set_heater": "idle",
        ]
        if number % 30 == 3 {
            row.faults = [
                Fault(
                    id: "limit.high",
                    severity: number % 60 == 3 ? .critical : .warning,
                    since: at(50),
                    text: "channel 3 is at 5.2 K, above 4.5 K",
                    subject: "temps.stage"
                )
            ]
        }
        return row
    }

    /// Notes when so many tiles have been painted, in milliseconds since the navigation began.
    private static let watch = """
        new MutationObserver((changes, observer) => {
          if (document.querySelectorAll(".tile").length < 200) return;
          observer.disconnect();
          requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }));
        }).observe(document, {childList: true, subtree: true});
        """

    // Goal: 200 agents are on the screen at once. The time it took goes beside the screenshots, for
    // whoever measures; a test on a busy machine does not judge it.
    @Test("200 agents are shown, counted by state, filtered by words, with their faults")
    func many() async throws {
        let archive = try TemporaryArchive()
        try await withReader(archive.path, site: FixedSite(Self.rows)) { reader in
            // The table is known before the page asks: its clock stands still.
            #expect(try await reader.get("/api/v1/agents").status == 200)
            let folder = try TemporaryFolder()
            let screenshots = try BrowserPage.screenshots(orIn: folder)
            try await BrowserPage.with { page in
                try await page.beforeEachDocument(Self.watch)
                var times: [String] = []
                for _ in 0..<5 {
                    try await page.open("about:blank")
                    try await page.open("http://127.0.0.1:\(reader.port)/")
                    try await page.until("window.painted > 0")
                    times.append(try await page.evaluate("window.painted").json)
                }
                let text = times.joined(separator: "\n") + "\n"
                try Data(text.utf8).write(to: URL(filePath: screenshots + "/paint-ms.txt"))
                try await page.screenshot(screenshots + "/200-agents.png")
                try await Self.read(page)
                try await page.screenshot(screenshots + "/faults.png")
                #expect(page.complaints.isEmpty)
            }
        }
    }

    // Goal: a screen that nobody looks at commands nothing.
    // Method: the page's clock is one that the test moves on.
    @Test("control ends after ten minutes without a touch, and says so")
    func control() async throws {
        let archive = try TemporaryArchive()
        try await withReader(archive.path, site: FixedSite(Self.rows)) { reader in
            try await BrowserPage.with { page in
                try await page.beforeEachDocument(
                    "window.instant = 1000; performance.now = () => window.instant;"
                )
                try await page.open("http://127.0.0.1:\(reader.port)/")
                let button = "document.querySelector('#control')"
                // The page's own, which says so: its text is there before anybody listens.
                try await page.until("\(button).getAttribute('aria-pressed') === 'false'")
                try await page.click("#control")
                try await page.until("\(button).textContent.startsWith('In control 10:00')")
                try await page.evaluate("window.instant += 599e3")
                try await page.until("\(button).textContent.startsWith('In control 0:01')")
                // A touch of anything is one.
                try await page.press("j")
                try await page.until("\(button).textContent.startsWith('In control 10:00')")
                try await page.evaluate("window.instant += 601e3")
                try await page.until("\(button).textContent === 'Take control'")
                let notice = try await page.evaluate("document.querySelector('#notice').innerText")
                #expect(notice.string?.contains("nobody touched this page for 10 minutes") == true)
            }
        }
    }

    @Test("without dygraphs the page says what to install, and shows the rest")
    func noLibrary() async throws {
        let archive = try TemporaryArchive()
        try await withReader(archive.path, site: FixedSite(Self.rows)) { reader in
            #expect(try await reader.get("/api/v1/agents").status == 200)
            try await BrowserPage.with { page in
                try await page.block("*dygraph*")
                try await page.open("http://127.0.0.1:\(reader.port)/#plot=cryo.temps.stage")
                let plots = "document.querySelector('#plots').textContent"
                try await page.until("\(plots).includes('apt-get install libjs-dygraphs')")
                try await page.until("document.querySelectorAll('.tile').length === 200")
            }
        }
    }

    private static func read(_ page: BrowserPage) async throws {
        let counts = "document.querySelector('#counts').textContent"
        try await page.until("\(counts) === '191 alive5 silent4 missing'")
        let tile = "document.querySelector(\".tile[data-agent='cryo-007']\").innerText"
        let silent = try await page.evaluate(tile).string ?? ""
        #expect(silent.contains("silent") && !silent.contains("rows/s"), "\(silent)")

        try await page.click("#fault-count")
        let rows = "document.querySelectorAll('#faults tbody tr').length"
        try await page.until("\(rows) === 7")
        let first = try await page.evaluate(
            "document.querySelector('#faults tbody tr').innerText"
        )
        #expect(first.string?.contains("critical") == true)

        try await page.click("#counts [data-state='silent']")
        let shown = "document.querySelectorAll('.tile:not([hidden])').length"
        try await page.until("\(shown) === 5")
        try await page.press("Escape")
        try await page.until("\(shown) === 200")
        try await page.press("f")
        try await page.type("missing 009")
        try await page.until("\(shown) === 1")
    }
}
