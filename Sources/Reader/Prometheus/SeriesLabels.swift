internal import Archive
public import SiteConfig
internal import Synchronization
internal import Telemetry

/// How fields are called in PromQL: a metric for each field of a feed, a series for each instance.
public final class SeriesLabels: Sendable {
    typealias Home = (host: String, className: String)
    typealias Homes = [String: Home]

    /// The name of the site.
    let site: String
    private let homes: Mutex<Homes>

    /// The labels at `site`: it knows where each instance is at home.
    public convenience init(site: Site) {
        var homes: Homes = [:]
        for host in site.hosts {
            for entry in host.agents { homes[entry.id] = (host.name, entry.className) }
        }
        self.init(site: site.name, homes: homes)
    }

    init(site: String, homes: Homes) {
        self.site = site
        self.homes = Mutex(homes)
    }

    /// Takes in where the instances of a newer site file are; those that have left it stay where
    /// they were, and their samples with them.
    func note(_ rows: [InstanceRow]) {
        homes.withLock { homes in
            for row in rows where !row.host.isEmpty {
                homes[row.instance] = (row.host, row.className)
            }
        }
    }

    /// Where an instance is at home; nil where nobody has said so.
    func home(of instance: String) -> Home? { homes.withLock { $0[instance] } }

    /// The labels of a field; what nobody knows is left out, as an empty label is none.
    func labels(of summary: FieldSummary) -> [String: String] {
        let name = summary.name
        var labels = [
            "__name__": Self.metric(name), "site": site, "agent": name.instance,
            "feed": name.feed, "field": name.field,
        ]
        if let home = home(of: name.instance) {
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
