// How declarations, faults and ledger rows look as values: the one form that records, requests,
// the index and JSON share. `Wire.md` lists the keys.

extension Feed {
    /// The declaration as a map; ``init(_:)`` reads it back.
    public var value: Value {
        [
            "feed": .string(name),
            "description": .string(description),
            "period_ns": period.map { .int($0.nanoseconds) } ?? .null,
            "lateness_ns": .int(lateness.nanoseconds),
            "durable": .bool(isDurable),
            "fields": .array(fields.map(\.value)),
        ]
    }

    /// Reads a declaration; nil if it is none, or one that ``check()`` refuses.
    public init?(_ value: Value) {
        guard let name = value["feed"]?.string, let list = value["fields"]?.array else {
            return nil
        }
        let fields = list.compactMap(Field.init)
        guard fields.count == list.count else { return nil }
        self.init(
            name,
            fields: fields,
            period: value["period_ns"]?.int.map { .nanoseconds($0) },
            description: value["description"]?.string ?? "",
            lateness: .nanoseconds(value["lateness_ns"]?.int ?? 0),
            durable: value["durable"]?.bool ?? false
        )
        guard (try? check()) != nil else { return nil }
    }
}

extension Field {
    /// The declaration as a map; ``init(_:)`` reads it back.
    public var value: Value {
        [
            "name": .string(name),
            "type": .string(type.rawValue),
            "unit": .optional(unit?.rawValue),
            "description": .string(description),
            "limits": limits.map { [.double($0.lowerBound), .double($0.upperBound)] } ?? .null,
        ]
    }

    /// Reads a declaration; nil if it is none.
    public init?(_ value: Value) {
        guard let name = value["name"]?.string,
            let type = value["type"]?.string.flatMap(FieldType.init)
        else { return nil }
        var limits: ClosedRange<Double>?
        if let bounds = value["limits"]?.array {
            guard bounds.count == 2, let low = bounds[0].double, let high = bounds[1].double,
                low <= high
            else { return nil }
            limits = low...high
        }
        self.init(
            name,
            type,
            unit: value["unit"]?.string.map(Unit.init(rawValue:)),
            description: value["description"]?.string ?? "",
            limits: limits
        )
    }
}

extension Fault {
    /// The fault as a map; ``init(_:)`` reads it back.
    public var value: Value {
        [
            "id": .string(id), "severity": .string(severity.rawValue), "since": .timestamp(since),
            "text": .string(text), "subject": .string(subject),
        ]
    }

    /// Reads a fault; nil if it is none.
    public init?(_ value: Value) {
        guard let id = value["id"]?.string,
            let severity = value["severity"]?.string.flatMap(Severity.init),
            let since = value["since"]?.timestamp, let text = value["text"]?.string
        else { return nil }
        self.init(
            id: id,
            severity: severity,
            since: since,
            text: text,
            subject: value["subject"]?.string ?? ""
        )
    }
}

extension LedgerEntry {
    /// The row as a map; ``init(_:)`` reads it back.
    public var value: Value {
        [
            "kind": .string(kind.rawValue), "instance": .string(instance),
            "feed": .optional(feed), "from": .timestamp(from), "to": .timestamp(to),
            "count": count.map { .int($0) } ?? .null, "cause": .string(cause),
            "epoch": epoch.map { .int($0) } ?? .null, "first": first.map { .int($0) } ?? .null,
        ]
    }

    /// Reads a row; nil if it is none.
    public init?(_ value: Value) {
        // The first files that were sealed knew no other kind and did not name it.
        let kind = value["kind"].flatMap { $0.string.flatMap(Kind.init) } ?? .missing
        guard let instance = value["instance"]?.string, let from = value["from"]?.timestamp,
            let to = value["to"]?.timestamp, let cause = value["cause"]?.string,
            [value["count"]?.int, value["first"]?.int].compactMap(\.self)
                .allSatisfy(Self.possiblePositions.contains)
        else { return nil }
        self.init(
            kind: kind,
            instance: instance,
            feed: value["feed"]?.string,
            from: from,
            to: to,
            count: value["count"]?.int,
            cause: cause,
            epoch: value["epoch"]?.int,
            first: value["first"]?.int
        )
    }
}
