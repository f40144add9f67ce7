import AgentClient
import CerroTesting
import Foundation
import MessageBus
import Telemetry
import Testing

private let fake =
    "{class: FakeData, id: fake-1, start: [acquire], arguments: {channels: 3, rate: 20}}"
private let field = "fake-1.false_temperatures.channel_00"

// Goal: what an operator sees and does in a browser is true and works, with nothing replaced.
@Suite("A real browser shows a real site", .serialized, .timeLimit(.minutes(10)))
struct MonitorTests {
    @Test("values move, operations start, a zoom asks the archive, the dead turn stale")
    func operate() async throws {
        try await ProcessSite.runApart(ProcessSite.Plan([fake])) { site in
            let base = "http://127.0.0.1:\(try await site.untilServed())/"
            let folder = try BrowserPage.screenshots(orIn: site.folder)
            try await BrowserPage.with { page in
                try await page.open(base)
                try await page.until("document.querySelectorAll('.tile').length === 4")
                try await page.until(
                    "document.querySelector('#counts').textContent === '4 alive'"
                )
                try await Self.look(page, folder)
                try await Self.operate(page, site)
                try await Self.zoom(page, site, folder)
                #expect(page.complaints.isEmpty)
                try await Self.lose(page, site, folder)
            }
        }
    }

    /// Opens an agent, adds one of its fields by the search, and sees both move.
    private static func look(_ page: BrowserPage, _ folder: String) async throws {
        try await page.click(".tile[data-agent='fake-1']")
        let value = "document.querySelector('tr[data-field=\"\(field)\"] .value').textContent"
        try await page.until("document.querySelector('#panel .value') && \(value) !== '–'")
        let before = try await page.evaluate(value)
        try await page.until("\(value) !== \(before.json)")

        try await page.press("/")
        try await page.until("document.activeElement.id === 'search'")
        try await page.type("fake temp 00")
        try await page.until("document.querySelector('#found li b')?.textContent === '\(field)'")
        try await page.press("Enter")
        let points = "Number(document.querySelector('.plot')?.dataset.points)"
        try await page.until("\(points) > 20")
        let drawn = try await page.evaluate(points)
        // Live samples go on where the archive ends.
        try await page.until("\(points) > \(drawn.json)")
        let address = try await page.evaluate("location.hash").string
        #expect(address == "#plot=\(field)&agent=fake-1")
        try await page.screenshot(folder + "/desktop.png")

        try await page.press("n")
        try await page.until("document.documentElement.classList.contains('night')")
        try await page.screenshot(folder + "/night.png")
        try await page.press("n")

        try await page.resize(width: 360, height: 740, isPhone: true)
        try await page.until("innerWidth === 360")
        #expect(try await page.evaluate("document.documentElement.scrollWidth") == 360)
        try await page.evaluate("scrollTo(0, 0)")
        try await page.screenshot(folder + "/phone.png")
        try await page.resize(width: 1440, height: 900)
    }

    /// Starts a task once control is taken, and never before.
    private static func operate(_ page: BrowserPage, _ site: ProcessSite) async throws {
        let task = "[data-operation='delay_task']"
        let start = "document.querySelector(\"\(task) .start\")"
        #expect(try await page.evaluate("\(start).disabled") == true)
        try await page.click("#control")
        try await page.until("!\(start).disabled")
        let delay = "document.querySelector(\"\(task) [name='delay']\")"
        try await page.evaluate("\(delay).value = '-1'; \(start).click()")
        try await page.evaluate("\(delay).value = '0.3'")
        try await page.click("\(task) .start")
        let status = "document.querySelector(\"\(task) .status\").textContent"
        try await page.until("\(status) === 'done'")
        let answer = try await site.client.result(
            "fake-1",
            Action.status,
            ["operation": "delay_task", "history": true]
        )
        #expect(answer["session"]?["success"] == true, "\(answer.json)")
        #expect(answer["history"]?.array?.count == 1, "a delay of -1 has started: \(answer.json)")
        try await page.press("c")
        try await page.until("\(start).disabled")
    }

    /// Drags over a part of the plot; what it shows then is what the archive has there.
    private static func zoom(
        _ page: BrowserPage,
        _ site: ProcessSite,
        _ folder: String
    ) async throws {
        let plot = "document.querySelector('.plot').dataset"
        try await page.evaluate("location.hash += '&range=20'")
        try await page.until("\(plot).seconds === '20' && \(plot).loaded === 'live'")
        try await page.drag(over: ".plot .canvas", from: 0.4, to: 0.95)
        try await page.until("location.hash.includes('from=') && \(plot).loaded === 'archive'")
        let range = try await page.evaluate(
            "['from', 'to'].map((name) => new URLSearchParams(location.hash.slice(1)).get(name))"
        )
        let times = range.array?.compactMap(\.string) ?? []
        try #require(times.count == 2)
        try await eventually("what the archive has is drawn") {
            let answer = try await site.get(
                "api/v1/data?field=\(field)&start=\(times[0])&end=\(times[1])"
            )
            let archived = answer["data"]?[field]?.array?.count
            let drawn = try await page.evaluate("Number(\(plot).samples)").double
            return archived.map(Double.init) == drawn && drawn ?? 0 > 20 ? true : nil
        }
        try await page.screenshot(folder + "/zoom.png")
        try await page.doubleClick(".plot .canvas")
        try await page.until("!location.hash.includes('from=')")
    }

    /// Kills the agent, then the reader: neither may look well.
    private static func lose(
        _ page: BrowserPage,
        _ site: ProcessSite,
        _ folder: String
    ) async throws {
        try site.program("fake-1").kill(SIGKILL)
        let tile = "document.querySelector(\".tile[data-agent='fake-1']\")"
        try await page.until("['stale', 'silent'].includes(\(tile).dataset.state)")
        #expect(try await page.evaluate("\(tile).querySelector('.rate').textContent") == "")
        let age = "\(tile).querySelector('.age').textContent"
        let before = try await page.evaluate(age)
        try await page.until("\(age) !== \(before.json)")
        let counts = try await page.evaluate("document.querySelector('#counts').textContent")
        #expect(counts.string?.contains("3 alive") == true)
        try await page.screenshot(folder + "/stale.png")
        try site.program("reader").kill(SIGKILL)
        try await page.until("document.querySelector('#link').textContent === 'reader lost'")
        try await page.until("document.body.classList.contains('unlinked')")
        try await page.screenshot(folder + "/unlinked.png")
    }
}
