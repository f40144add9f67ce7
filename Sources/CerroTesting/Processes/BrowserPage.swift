internal import Foundation
public import Telemetry

/// A page in a headless Chromium, which a test looks at and touches as a person does.
public struct BrowserPage: Sendable {
    private let browser: Chromium
    private let session: String

    /// Runs `body` with a page of that size; afterwards no process of the browser is left.
    public static func with(
        width: Int = 1440,
        height: Int = 900,
        _ body: (BrowserPage) async throws -> Void
    ) async throws {
        let browser = try Chromium()
        do {
            let page = try await BrowserPage(browser)
            try await page.resize(width: width, height: height)
            try await body(page)
        } catch {
            try? await browser.close()
            throw error
        }
        try await browser.close()
    }

    private init(_ browser: Chromium) async throws {
        self.browser = browser
        let target = try await browser.send("Target.createTarget", ["url": "about:blank"])
        let attached = try await browser.send(
            "Target.attachToTarget",
            ["targetId": target["targetId"] ?? .null, "flatten": true]
        )
        guard let session = attached["sessionId"]?.string else {
            throw Chromium.Failure(description: "no session: \(attached.json)")
        }
        self.session = session
        for domain in ["Page", "Runtime", "Log"] { try await send("\(domain).enable") }
    }

    @discardableResult
    private func send(_ method: String, _ parameters: Value = [:]) async throws -> Value {
        try await browser.send(method, parameters, session: session)
    }

    /// Goes to an address; what it loads may come later.
    public func open(_ address: String) async throws {
        try await send("Page.navigate", ["url": .string(address)])
    }

    /// Runs a script in each document from now on, before any of its own.
    public func beforeEachDocument(_ script: String) async throws {
        try await send("Page.addScriptToEvaluateOnNewDocument", ["source": .string(script)])
    }

    /// Lets nothing load whose address fits a pattern, as if it were not there.
    public func block(_ pattern: String) async throws {
        try await send("Network.enable")
        try await send("Network.setBlockedURLs", ["urls": [.string(pattern)]])
    }

    /// The size of the window, in pixels.
    public func resize(width: Int, height: Int, isPhone: Bool = false) async throws {
        try await send(
            "Emulation.setDeviceMetricsOverride",
            [
                "width": .int(Int64(width)), "height": .int(Int64(height)),
                "deviceScaleFactor": 1, "mobile": .bool(isPhone),
            ]
        )
    }

    /// The value of an expression of JavaScript, awaited if it is a promise.
    @discardableResult
    public func evaluate(_ expression: String) async throws -> Value {
        let answer = try await send(
            "Runtime.evaluate",
            ["expression": .string(expression), "returnByValue": true, "awaitPromise": true]
        )
        if let problem = answer["exceptionDetails"] {
            throw Chromium.Failure(description: "\(expression): \(problem.json)")
        }
        return answer["result"]?["value"] ?? .null
    }

    /// Waits until an expression is true, and no earlier goes on.
    public func until(_ expression: String) async throws {
        do {
            try await eventually(expression) {
                try await evaluate("Boolean(\(expression))") == true ? true : nil
            }
        } catch {
            throw Chromium.Failure(description: "\(error); the page said \(complaints)")
        }
    }

    /// Clicks in the middle of the element that a selector finds.
    public func click(_ selector: String) async throws {
        let (x, y) = try await place(in: selector, 0.5, 0.5)
        try await mouse("mousePressed", x, y, clicks: 1)
        try await mouse("mouseReleased", x, y, clicks: 1)
    }

    /// Double-clicks in the middle of an element.
    public func doubleClick(_ selector: String) async throws {
        let (x, y) = try await place(in: selector, 0.5, 0.5)
        for count: Int64 in 1...2 {
            try await mouse("mousePressed", x, y, clicks: count)
            try await mouse("mouseReleased", x, y, clicks: count)
        }
    }

    /// Drags level over an element, between two parts of its width.
    public func drag(over selector: String, from start: Double, to end: Double) async throws {
        let (first, y) = try await place(in: selector, start, 0.5)
        let (last, _) = try await place(in: selector, end, 0.5)
        try await mouse("mouseMoved", first, y)
        try await mouse("mousePressed", first, y, clicks: 1)
        for step in 1...4 {
            try await mouse("mouseMoved", first + (last - first) * Double(step) / 4, y, held: true)
        }
        try await mouse("mouseReleased", last, y, clicks: 1)
    }

    private func place(
        in selector: String,
        _ across: Double,
        _ down: Double
    ) async throws -> (Double, Double) {
        let box = try await evaluate(
            """
            (() => { const element = document.querySelector("\(selector)");
              element.scrollIntoView({block: "nearest"});
              const box = element.getBoundingClientRect();
              return [box.left + box.width * \(across), box.top + box.height * \(down)]; })()
            """
        )
        guard let numbers = box.array?.compactMap(\.double), numbers.count == 2 else {
            throw Chromium.Failure(description: "no element \(selector): \(box.json)")
        }
        return (numbers[0], numbers[1])
    }

    private func mouse(
        _ kind: String,
        _ x: Double,
        _ y: Double,
        clicks: Int64 = 0,
        held: Bool = false
    ) async throws {
        try await send(
            "Input.dispatchMouseEvent",
            [
                "type": .string(kind), "x": .double(x), "y": .double(y),
                "button": clicks > 0 || held ? "left" : "none", "clickCount": .int(clicks),
                "buttons": .int(held || kind == "mousePressed" ? 1 : 0),
            ]
        )
    }

    /// Presses and lets go of a key: a character, or a name like `Enter`.
    public func press(_ key: String) async throws {
        var parameters: [String: Value] = ["type": "keyDown", "key": .string(key)]
        if key.count == 1 { parameters["text"] = .string(key) }
        if key == "Enter" { parameters["text"] = "\r" }
        try await send("Input.dispatchKeyEvent", .map(parameters))
        try await send("Input.dispatchKeyEvent", ["type": "keyUp", "key": .string(key)])
    }

    /// Types a text into what has the focus.
    public func type(_ text: String) async throws {
        try await send("Input.insertText", ["text": .string(text)])
    }

    /// The folder for screenshots: that of `CERRO_SCREENSHOTS`, for whoever wants to look at them,
    /// or one that goes with `folder`.
    public static func screenshots(orIn folder: TemporaryFolder) throws -> String {
        let asked = ProcessInfo.processInfo.environment["CERRO_SCREENSHOTS"]
        let path = asked ?? folder.path + "/screenshots"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    /// Writes what is seen now to a PNG file.
    public func screenshot(_ file: String) async throws {
        let answer = try await send("Page.captureScreenshot")
        guard let text = answer["data"]?.string, let data = Data(base64Encoded: text) else {
            throw Chromium.Failure(description: "no screenshot: \(answer.json.prefix(200))")
        }
        try data.write(to: URL(filePath: file))
    }

    /// What the page complained about: exceptions, errors and warnings of its console, and what the
    /// browser logged about it.
    public var complaints: [String] {
        let thrown = browser.events("Runtime.exceptionThrown").map(\.json)
        let said = browser.events("Runtime.consoleAPICalled").filter {
            ["error", "warning", "assert"].contains($0["type"]?.string)
        }.map(\.json)
        let logged = browser.events("Log.entryAdded").compactMap { $0["entry"] }.filter {
            ["error", "warning"].contains($0["level"]?.string)
        }.map { "\($0["text"]?.string ?? "") \($0["url"]?.string ?? "")" }
        // The browser gives up all connections whenever this machine gets a network device, as
        // other tests make them; pages connect again.
        return (thrown + said + logged).filter { !$0.contains("ERR_NETWORK_CHANGED") }
    }
}
