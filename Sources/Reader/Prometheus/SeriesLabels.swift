internal import Archive
public import SiteConfig
internal import Telemetry

/// How fields are called in PromQL: a metric for each field of a feed, a series for each instance.
public struct SeriesLabels: Sendable {
    /// The name of the site.
    let site: String
    private let homes: [String: (host: String, className: String)]

    /// The labels at `site`: it knows where each instance is at home.
    public init(site: Site) {
        var homes: [String: (host: String, className: String)] = [:]
        for host in site.hosts {
            for entry in host.agents { homes[entry.id] = (host.name, entry.className) }
        }
        self.init(site: site.name, homes: homes)
    }

    init(site: String, homes: [String: (host: String, className: String)]) {
        self.site = site
        self.homes = homes
    }

    /// The labels of a field; what nobody knows is left out, as an empty label is none.
    func labels(of summary: FieldSummary) -> [String: String] {
        let name = summary.name
        var labels = [
            "__name__": Self.metric(name), "site": site, "agent": name.instance,
            "feed": name.feed, "field": name.field,
        ]
        if let home = homes[name.instance] {
            labels["host"] = home.host
            labels["class"] = home.className
        }
        if let unit = summary.field.unit { labels["unit"] = unit.rawValue }
        return labels
    }

    /// `<feed>_<field>`, with `_` for each character that PromQL does not allow in a name.
    static func metric(_ name: FieldName) -> String {
        let text = "\(name.feed)_\(name.field)"
        let allowed = text.unicodeScalars.map { scalar -> Character in
            let isAllowed =
                scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9") ~= scalar)
            return isAllowed ? Character(scalar) : "_"
        }
        let metric = String(allowed)
        return metric.first?.isNumber == true ? "_" + metric : metric
    }
}
