internal import Hummingbird

/// The monitor page at `/` and all that it loads.
///
/// The page asks the same addresses as everybody else; nothing here knows about samples.
enum MonitorRoutes {
    /// Adds its paths to `router`.
    static func add(to router: Router<ReaderContext>) {
        for asset in MonitorAsset.all {
            router.get(RouterPath(asset.path)) { request, _ in
                let (bytes, mark) = try asset.load()
                let isKnown = request.headers[.ifNoneMatch]?.contains(mark) ?? false
                return Response(
                    status: isKnown ? .notModified : .ok,
                    headers: headers(asset, mark),
                    body: isKnown
                        ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
                )
            }
        }
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
