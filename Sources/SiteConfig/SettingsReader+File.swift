public import Telemetry

extension SettingsReader {
    /// Reads the text of a YAML file other than a site file; `file` is its name for messages.
    ///
    /// `environment` has what `${NAME}` may name; where it is nil, `$` means itself.
    ///
    /// - Throws: ``SiteError/invalid(_:)`` with all that is wrong in it.
    public static func read<Result>(
        _ text: String,
        file: String,
        environment: [String: String]? = nil,
        _ body: (inout SettingsReader) -> Result
    ) throws(SiteError) -> Result {
        var parser = SettingParser(file: file, environment: environment)
        guard let root = parser.parse(text) else { throw .invalid(parser.problems.inFileOrder) }
        var reader = SettingsReader(root, owner: "the file", folder: "/")
        let result = body(&reader)
        let problems = (parser.problems + reader.finish()).inFileOrder
        guard problems.isEmpty else { throw .invalid(problems) }
        return result
    }

    /// An instant in ISO 8601; nil where it is none, which is a problem.
    public mutating func instant(_ key: String) -> Timestamp? {
        read(key, nil, harmless: nil, example: "2026-11-21T05:00:00Z") { setting in
            guard let text = setting.text, let instant = Timestamp(iso8601: text) else {
                return .wrong("expected a time such as `2026-11-21T05:00:00Z`")
            }
            return .value(instant)
        }
    }
}
