internal import Hummingbird
internal import NIOCore
internal import Telemetry

/// Compresses answers for those who take it so, on the threads that make them.
///
/// Event streams go as they are: each event has to come at once.
struct Compression: RouterMiddleware {
    typealias Context = ReaderContext

    let service: QueryService

    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        let type = response.headers[.contentType] ?? ""
        guard !type.isEmpty, !type.hasPrefix("text/event-stream"),
            response.headers[.contentEncoding] == nil
        else { return response }
        let vary = [response.headers[.vary], "Accept, Accept-Encoding"].compactMap(\.self)
        response.headers[.vary] = vary.joined(separator: ", ")
        guard let coding = Deflater.Coding(accepted: request.headers[.acceptEncoding]),
            (response.body.contentLength ?? .max) >= ReaderLimits.compressedBytes
        else { return response }
        let (body, service) = (response.body, service)
        response.headers[.contentEncoding] = coding.rawValue
        response.body = ResponseBody { writer in
            try await body.write(
                DeflatingWriter(base: writer, deflater: Deflater(coding), service: service)
            )
        }
        return response
    }
}

/// Passes on what is written to it, smaller.
private struct DeflatingWriter: ResponseBodyWriter {
    var base: any ResponseBodyWriter
    let deflater: Deflater
    let service: QueryService

    @concurrent
    mutating func write(_ buffer: ByteBuffer) async throws {
        try await add(Array(buffer.readableBytesView), isLast: false)
    }

    @concurrent
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
        try await add([], isLast: true)
        try await base.finish(trailingHeaders)
    }

    @concurrent
    private mutating func add(_ bytes: [UInt8], isLast: Bool) async throws {
        let deflater = deflater
        let smaller = await service.step { deflater.add(bytes, isLast: isLast) }
        if !smaller.isEmpty { try await base.write(ByteBuffer(bytes: smaller)) }
    }
}
