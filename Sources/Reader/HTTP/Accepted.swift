/// What a client takes, by one of its headers `Accept…`: names with the weight of each.
///
/// Source: RFC 9110, "HTTP Semantics", sections 12.4.2 and 12.5.1.
struct Accepted {
    private var entries: [(name: String, weight: Double)] = []

    /// Reads a header; nil, and one that is empty, takes anything.
    init(_ header: String?) {
        for entry in (header ?? "").lowercased().split(separator: ",") {
            let parts = entry.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard let name = parts.first else { continue }
            let given = parts.dropFirst().first { $0.hasPrefix("q=") }?.dropFirst(2)
            entries.append((name, given.flatMap { Double($0) } ?? 1))
        }
        if entries.isEmpty { entries = [("*/*", 1)] }
    }

    /// How much a media type is wanted, 0 for not at all, and how early it stands in the header.
    private func standing(of type: String) -> (weight: Double, place: Int) {
        let family = type.prefix { $0 != "/" } + "/*"
        // What names it best counts, wherever it stands.
        for name in [type, String(family), "*/*"] {
            if let place = entries.firstIndex(where: { $0.name == name }) {
                return (entries[place].weight, place)
            }
        }
        return (0, entries.count)
    }

    /// How much a media type is wanted, 0 for not at all.
    func weight(of type: String) -> Double { standing(of: type).weight }

    /// The one of `types` that is wanted most, of equals the one that stands first in the header,
    /// then the first of `types`; nil if it takes none.
    func best(of types: [String]) -> String? {
        let taken = types.map { ($0, standing(of: $0)) }.filter { $0.1.weight > 0 }
        return taken.enumerated().min { one, other in
            let (left, right) = (one.element.1, other.element.1)
            return (-left.weight, left.place, one.offset)
                < (-right.weight, right.place, other.offset)
        }?.element.0
    }

    /// The names that are taken as they stand there.
    var names: Set<String> { Set(entries.lazy.filter { $0.weight > 0 }.map(\.name)) }
}
