internal import Hummingbird

/// The monitor page at `/` and all that it loads.
///
/// The page asks the same addresses as everybody else; nothing here knows about samples.
enum MonitorRoutes {
    /// The page, what it is made of, and what a package of the system has installed for it.
    static var routes: [Route] {
        [
            route("/", "the live monitor, for people", ["text/html"]),
            route(
                "/monitor/{version}/{part}",
                "a part of the monitor",
                ["text/javascript", "text/css", "image/svg+xml"],
                [
                    Route.Parameter(
                        name: "version",
                        place: .path,
                        about: "which the page names; what is there never changes. `installed` is "
                            + "what packages of the host install"
                    ),
                    Route.Parameter(
                        name: "part",
                        place: .path,
                        about: "a file that the page names"
                    ),
                ]
            ),
        ]
    }

    private static func route(
        _ path: String,
        _ about: String,
        _ types: [String],
        _ parameters: [Route.Parameter] = []
    ) -> Route {
        Route(
            methods: [.get],
            path: path,
            about: about,
            parameters: parameters,
            answer: .init(types: types),
            statuses: parameters.isEmpty ? [304] : [304, 404],
            handler: { request, _ in try response(request) }
        )
    }

    /// A path is looked up among those that there are, as it stands.
    private static let assets = Dictionary(
        MonitorAsset.all.map { ($0.path, $0) }
    ) { first, _ in first }

    private static func response(_ request: Request) throws -> Response {
        guard let asset = assets[request.uri.path] else {
            throw RequestError.asset(request.uri.path)
        }
        let takesGzip = Deflater.Coding(accepted: request.headers[.acceptEncoding]) == .gzip
        let (bytes, mark, isPacked) = try asset.load(takesGzip: takesGzip)
        var headers = headers(asset, mark)
        if request.headers[.ifNoneMatch]?.contains(mark) ?? false {
            return Response(status: .notModified, headers: headers)
        }
        if isPacked {
            headers[.contentEncoding] = Deflater.Coding.gzip.rawValue
            headers[.vary] = "Accept-Encoding"
        }
        let body = ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        return Response(status: .ok, headers: headers, body: body)
    }

    /// Only this server's own files run in the page, it talks to nobody else, and no other page may
    /// frame it: a click on `Start` shall be meant.
    private static let policy =
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        + "object-src 'none'"

    private static func headers(_ asset: MonitorAsset, _ mark: String) -> HTTPFields {
        var headers = Response.headers(contentType: asset.contentType)
        // What has no version in its path is kept too, but asked for each time.
        headers[.cacheControl] =
            asset.isImmutable ? "max-age=31536000, immutable" : "no-cache"
        headers[.eTag] = mark
        headers[.contentSecurityPolicy] = policy
        return headers
    }
}
