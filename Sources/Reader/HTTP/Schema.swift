internal import Telemetry

/// Shapes of JSON, as OpenAPI 3.1 describes them.
///
/// Source: OpenAPI 3.1.0, <https://spec.openapis.org/oas/v3.1.0>; JSON Schema 2020-12.
enum Schema {
    static let text: Value = ["type": "string"]
    static let number: Value = ["type": "number"]
    static let boolean: Value = ["type": "boolean"]
    static let integer: Value = ["type": "integer"]
    static let truth: Value = ["type": "boolean"]
    /// Anything at all.
    static let any: Value = [:]
    /// A time: seconds, or a text in the form that was asked for.
    static let time: Value = oneOf([number, text])

    static func list(_ element: Value) -> Value { ["type": "array", "items": element] }

    static func orNull(_ schema: Value) -> Value { oneOf([schema, ["type": "null"]]) }

    static func oneOf(_ schemas: [Value]) -> Value { ["anyOf": .array(schemas)] }

    static func choice(_ texts: [String]) -> Value {
        ["type": "string", "enum": .array(texts.map(Value.string))]
    }

    /// A map with these members; all are there but those that are `optional`.
    static func object(_ members: [String: Value], optional: Set<String> = []) -> Value {
        [
            "type": "object", "properties": .map(members),
            "required": .array(
                members.keys.filter { !optional.contains($0) }.sorted().map(Value.string)
            ),
        ]
    }

    /// A map from any name to `element`.
    static func map(of element: Value) -> Value {
        ["type": "object", "additionalProperties": element]
    }

    /// One of ``shared``.
    static func named(_ name: String) -> Value { ["$ref": .string("#/components/schemas/" + name)] }

    /// Shapes that several answers have.
    static let shared: [String: Value] = [
        "Error": object([
            "error": object(
                ["code": text, "message": text, "limit": integer],
                optional: ["limit"]
            )
        ]),
        "PrometheusError": object([
            "status": choice(["error"]), "errorType": text, "error": text,
        ]),
        "LedgerRow": object([
            "kind": choice(["missing", "retention", "clock"]), "instance": text,
            "feed": orNull(text), "from": time, "to": time, "count": orNull(integer),
            "cause": text, "epoch": orNull(integer), "first": orNull(integer),
        ]),
        "Column": oneOf([list(any), map(of: list(any))]),
        "Fault": object(
            [
                "id": text, "severity": choice(["warning", "error", "critical"]), "since": any,
                "text": text, "subject": text, "instance": text,
            ],
            optional: ["instance"]
        ),
        "Agent": object([
            "instance": text, "class": text,
            "state": choice(["alive", "silent", "missing", "stopped"]), "host": text,
            "pid": integer, "epoch": integer, "version": text, "site_hash": text,
            "requests": text, "publisher": text, "since": any, "seen": any,
            "clock_offset_ns": integer, "round_trip_ns": orNull(integer),
            "operations": map(of: text),
            "faults": list(named("Fault")), "published": integer, "refused": integer,
            "audited": integer,
            "control": orNull(named("Control")), "key": text,
        ]),
        "Visitor": object([
            "name": text, "proof": text, "has_token": boolean, "expires": orNull(number),
            "grants": list(
                object(["role": text, "instances": list(text), "operations": list(text)])
            ),
        ]),
        "Control": object([
            "holder": text, "proof": text, "reason": text, "since": integer, "until": integer,
        ]),
        "Reply": object(["code": text, "text": text, "result": any]),
    ]
}
