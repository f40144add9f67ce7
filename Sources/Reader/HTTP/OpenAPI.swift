internal import Hummingbird
internal import Telemetry

/// The description of the interface, made from the table that the server dispatches from.
enum OpenAPI {
    /// Where the description of `others`, and of itself, is.
    static func route(for others: [Route]) -> Route {
        func made(_ document: Value) -> Route {
            Route(
                methods: [.get],
                path: "/api/v1/openapi.json",
                about: "this description",
                answer: .json(
                    Schema.object([
                        "openapi": Schema.text, "info": Schema.any, "paths": Schema.any,
                        "components": Schema.any,
                    ])
                ),
                handler: { _, _ in Response(json: document) }
            )
        }
        return made(document(others + [made(.null)]))
    }

    /// The whole document.
    private static func document(_ routes: [Route]) -> Value {
        var paths: [String: Value] = [:]
        for route in routes { paths[route.path] = item(route) }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Cerro reader", "version": "1",
                "description": "What the archive of an observatory holds, and the site as it is.",
            ],
            "paths": .map(paths),
            "components": ["schemas": .map(Schema.shared)],
        ]
    }

    private static func item(_ route: Route) -> Value {
        var operations: [String: Value] = [:]
        // What a browser asks before it asks is no operation of its own.
        for method in route.methods where method != .options {
            operations[method.rawValue.lowercased()] = operation(route, method)
        }
        return .map(operations)
    }

    private static func operation(_ route: Route, _ method: HTTPRequest.Method) -> Value {
        let isPost = method == .post
        let inBody = route.parameters.filter { $0.place == .form }
        // A form can be sent as an address too.
        let inAddress = route.parameters.filter { !isPost || $0.place != .form }
        var operation: [String: Value] = [
            "summary": .string(route.about),
            "parameters": .array(inAddress.map(parameter)),
            "responses": .map(responses(route)),
        ]
        if isPost, !inBody.isEmpty { operation["requestBody"] = body(inBody) }
        if isPost, route.isPostedAsJSON {
            operation["requestBody"] = [
                "required": .bool(true), "content": ["application/json": [:]],
            ]
        }
        return .map(operation)
    }

    private static func parameter(_ parameter: Route.Parameter) -> Value {
        let place = parameter.place == .path ? "path" : "query"
        return [
            "name": .string(parameter.name), "in": .string(place),
            "required": .bool(parameter.isNeeded || parameter.place == .path),
            "description": .string(parameter.about),
            "schema": parameter.isRepeated ? Schema.list(parameter.schema) : parameter.schema,
        ]
    }

    private static func body(_ parameters: [Route.Parameter]) -> Value {
        let members = Dictionary(
            parameters.map {
                ($0.name, $0.isRepeated ? Schema.list($0.schema) : $0.schema)
            }
        ) { $1 }
        let optional = Set(parameters.filter { !$0.isNeeded }.map(\.name))
        return [
            "required": .bool(parameters.contains(where: \.isNeeded)),
            "content": [
                "application/x-www-form-urlencoded": [
                    "schema": Schema.object(members, optional: optional)
                ]
            ],
        ]
    }

    private static func responses(_ route: Route) -> [String: Value] {
        var content: [String: Value] = [:]
        for type in route.answer.types {
            let isJSON = type == "application/json"
            content[type] = .map(isJSON ? ["schema": route.answer.schema ?? Schema.any] : [:])
        }
        var responses: [String: Value] = [
            "200": ["description": "the answer", "content": .map(content)]
        ]
        let isPrometheus = route.path.hasPrefix("/prometheus")
        let problem = Schema.named(isPrometheus ? "PrometheusError" : "Error")
        for status in route.statuses {
            responses["\(status)"] = [
                "description": "why not", "content": ["application/json": ["schema": problem]],
            ]
        }
        responses["default"] = [
            "description": "an error",
            "content": ["application/json": ["schema": Schema.named("Error")]],
        ]
        return responses
    }
}
