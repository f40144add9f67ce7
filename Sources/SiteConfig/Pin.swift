public import Telemetry

/// An interval whose samples are kept for ever, whatever retention says.
public struct Pin: Hashable, Sendable {
    /// The times of the samples, the end not included.
    public var range: Range<Timestamp>
    /// Why: one line.
    public var note: String

    /// A pinned interval.
    public init(range: Range<Timestamp>, note: String) {
        self.range = range
        self.note = note
    }
}

extension Pin {
    /// Reads `pins.yaml`, which stands beside an archive; `file` is its name for messages.
    ///
    /// - Throws: ``SiteError/invalid(_:)`` with all that is wrong in it: then nobody knows what is
    ///   pinned, and nothing may be removed.
    public static func read(_ text: String, file: String) throws(SiteError) -> [Pin] {
        try SettingsReader.read(text, file: file, environment: [:]) { reader in
            let pins = reader.sections("pins") { section in
                let range = (section.instant("from"), section.instant("to"))
                let note = section.has("note") ? section.setting("note")?.text ?? "" : ""
                _ = section.setting("note")
                if let from = range.0, let to = range.1, from >= to {
                    section.wrong("to", "is not behind `from`; the end is not included")
                }
                return Pin(
                    range: (range.0 ?? Timestamp(nanoseconds: 0))..<(max(
                        range.0 ?? Timestamp(nanoseconds: 0),
                        range.1 ?? Timestamp(nanoseconds: 0)
                    )),
                    note: note
                )
            }
            if !reader.has("pins") {
                reader.reject("pins", "`pins` is missing. Write `pins: []`")
            }
            return pins
        }
    }

    /// The text of `pins.yaml`, which ``read(_:file:)`` reads back.
    public static func text(_ pins: [Pin]) -> String {
        let head = """
            # The intervals whose samples are kept for ever, whatever the retention of the site file
            # says: `cerro archive pin` writes them. Times are UTC; the end is not included.

            """
        guard !pins.isEmpty else { return head + "pins: []\n" }
        let lines = pins.map { pin in
            """
              - from: \(Setting.scalar(pin.range.lowerBound.description, quoted: true))
                to: \(Setting.scalar(pin.range.upperBound.description, quoted: true))
                note: \(Setting.scalar(pin.note, quoted: true))

            """
        }
        return head + "pins:\n" + lines.joined()
    }
}
