import Access
import CerroTesting
import Foundation
import MessageBus
import Telemetry
import Testing

@testable import Reader

@Suite("The monitor page in a browser, on a site that stands still", .timeLimit(.minutes(10)))
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
        try await withManyAgents { page, address, screenshots in
            try await page.beforeEachDocument(Self.watch)
            var times: [String] = []
            for _ in 0..<5 {
                try await page.open("about:blank")
                try await page.open(address)
                try await page.until("window.painted > 0")
                times.append(try await page.evaluate("window.painted").json)
            }
            let text = times.joined(separator: "\n") + "\n"
            try Data(text.utf8).write(to: URL(filePath: screenshots + "/paint-ms.txt"))
            // The reader's clock stands, so the page's has to: else a busy machine's agents are
            // stale before anybody reads them.
            try await page.beforeEachDocument(Self.clock)
            try await page.open("about:blank")
            try await page.open(address)
            try await page.until("document.querySelectorAll('.tile').length === 200")
            try await page.screenshot(screenshots + "/200-agents.png")
            try await Self.read(page)
            try await page.screenshot(screenshots + "/faults.png")
            #expect(page.complaints.isEmpty)
        }
    }

    // Goal: whoever is woken looks at one agent of 200 on a phone, and scrolls past none of them.
    @Test("on a phone the agent that is asked for is in sight, and so is its tile")
    func phone() async throws {
        try await withManyAgents { page, address, screenshots in
            try await page.resize(width: 390, height: 844, isPhone: true)
            try await page.open(address)
            try await page.until("document.querySelectorAll('.tile').length === 200")
            let tile = "document.querySelector(\".tile[data-agent='cryo-150']\")"
            try await page.evaluate("\(tile).click()")
            // This agent does not answer, which is as much to look at as if it did.
            try await page.until("document.querySelector('#panel .error')")
            let strip = "document.querySelector('#strip').getBoundingClientRect().bottom"
            for element in ["\(tile)", "document.querySelector('#panel h2')"] {
                let place = "\(element).getBoundingClientRect()"
                try await page.until("\(place).top >= \(strip)")
                try await page.until("\(place).bottom <= innerHeight")
            }
            try await page.screenshot(screenshots + "/phone-200-agents.png")
            let width = try await page.evaluate("document.documentElement.scrollWidth")
            #expect(width == 390)
        }
    }

    /// Runs `body` with a page, the address of a site of 200 agents, and the folder of screenshots.
    private func withManyAgents(
        _ body: @escaping @Sendable (BrowserPage, String, String) async throws -> Void
    ) async throws {
        let archive = try TemporaryArchive()
        try await withReader(archive.path, site: FixedSite(Self.rows)) { reader in
            // The table is known before the page asks: its clock stands still.
            #expect(try await reader.get("/api/v1/agents").status == 200)
            let folder = try TemporaryFolder()
            let screenshots = try BrowserPage.screenshots(orIn: folder)
            try await BrowserPage.with { page in
                try await body(page, "http://127.0.0.1:\(reader.port)/", screenshots)
            }
        }
    }

    /// The page's clock moves by hand, and it counts the streams that have told the reader's.
    private static let clock = """
        window.instant = 1000; performance.now = () => window.instant; window.told = 0;
        window.EventSource = class extends EventSource {
          constructor(address) {
            super(address);
            this.addEventListener("beat", () => { window.told += 1; }, {once: true});
          }
        };
        """

    // Goal: a screen that nobody looks at commands nothing, and keeps nobody out.
    // Method: the page's clock is one that the test moves on; the agent gives ten minutes a time.
    @Test("control of an agent goes on while the page is touched, then ends, and says so")
    func control() async throws {
        let archive = try TemporaryArchive()
        var row = InstanceRow(instance: "cryo", className: "Lakeshore372", host: "dome")
        row.state = .alive
        row.seen = at(99.6)
        // As another screen of the same name has it: this one commands nothing by that.
        row.control = Control(
            holder: Caller(name: "http", proof: .local),
            reason: "tests",
            since: at(0),
            until: at(9000)
        )
        let site = FixedSite([row])
        try await withReader(archive.path, site: site) { reader in
            #expect(try await reader.get("/api/v1/agents").status == 200)
            try await BrowserPage.with { page in
                try await page.beforeEachDocument(Self.clock)
                try await page.open("http://127.0.0.1:\(reader.port)/")
                let button = "document.querySelector('#control')"
                try await page.until("document.querySelectorAll('.tile').length === 1")
                try await page.until("\(button).title === 'open an agent first'")
                #expect(try await page.evaluate("\(button).disabled") == true)
                try await page.click(".tile[data-agent='cryo']")
                try await page.until("!\(button).disabled")
                // The stream with the agent's fields has told the reader's time, which stands.
                try await page.until("window.told >= 2")
                try await page.click("#control")
                try await page.until("\(button).textContent.startsWith('In control 10:00')")
                try await page.evaluate("window.instant += 301e3")
                try await page.until("\(button).textContent.startsWith('In control 4:59')")
                // A touch of anything is one.
                try await page.press("l")
                try await page.until("\(button).textContent.startsWith('In control 14:59')")
                try await page.evaluate("window.instant += 901e3")
                try await page.until("\(button).textContent === 'Take control'")
                let notice = try await page.evaluate("document.querySelector('#notice').innerText")
                #expect(notice.string?.contains("nobody touched this page") == true)
                let asked = site.requests.filter { $0.action == Action.take }
                #expect(asked.count == 2 && asked.allSatisfy { $0.instance == "cryo" })
            }
        }
    }

    // Goal: whoever may not command sees why, before trying.
    @Test("an observer's controls say which role is missing, and somebody's control says whose")
    func roles() async throws {
        let archive = try TemporaryArchive()
        var row = InstanceRow(instance: "cryo", className: "Lakeshore372", host: "dome")
        row.state = .alive
        row.seen = at(99.6)
        row.control = Control(
            holder: Caller(name: "alice", proof: .key("a")),
            reason: "cooldown",
            since: at(0),
            until: at(700)
        )
        let looker = AccessToken.random(), worker = AccessToken.random()
        let table = AccessTable(
            tokens: [(looker, "looker", Role.observe), (worker, "worker", .operate)].map {
                AccessTable.Token(
                    id: $0.id,
                    name: $1,
                    hash: $0.hash,
                    expires: nil,
                    grants: [Grant(role: $2)]
                )
            }
        )
        try await withReader(
            archive.path,
            site: FixedSite([row]),
            access: AccessControl(table)
        ) { reader in
            #expect(try await reader.get("/api/v1/agents").status == 200)
            for (token, name) in [(looker, "looker · observe"), (worker, "worker · operate")] {
                try await BrowserPage.with { page in
                    try await page.open("http://127.0.0.1:\(reader.port)/")
                    try await Self.look(page, token, name)
                }
            }
        }
    }

    /// Logs in and looks at the button of control.
    private static func look(
        _ page: BrowserPage,
        _ token: AccessToken,
        _ name: String
    ) async throws {
        // A document that is still being left takes its questions with it.
        try await page.until(
            "location.protocol === 'http:' && document.readyState === 'complete'"
        )
        try await page.evaluate(
            """
            fetch("api/v1/login", {method: "POST", body: JSON.stringify({token: "\(token.text)"})})
              .then(() => { location.hash = "agent=cryo"; location.reload(); })
            """
        )
        try await page.until("document.querySelector('#me')?.textContent === '\(name)'")
        let button = "document.querySelector('#control')"
        let isLooker = name.hasPrefix("looker")
        let title =
            isLooker
            ? "needs the role operate, which looker does not have" : "alice has control until"
        try await page.until("\(button).title.startsWith('\(title)')")
        // Who has control comes with the agents, after what the token may do.
        try await page.until("\(button).textContent === 'alice has control'")
        #expect(try await page.evaluate("\(button).disabled") == .bool(isLooker))
        // No script of the page sees the token.
        let seen = try await page.evaluate("document.cookie + JSON.stringify(localStorage)")
        #expect(seen.string?.contains(token.text.suffix(64)) == false)
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

        // Not by the mouse: what the page still lays out moves it away.
        try await page.evaluate("document.querySelector(`#counts [data-state='silent']`).click()")
        let shown = "document.querySelectorAll('.tile:not([hidden])').length"
        try await page.until("\(shown) === 5")
        try await page.press("Escape")
        try await page.until("\(shown) === 200")
        try await page.press("f")
        try await page.type("missing 009")
        try await page.until("\(shown) === 1")
    }
}
