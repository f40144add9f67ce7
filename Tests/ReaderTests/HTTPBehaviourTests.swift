import CZlib
import CerroTesting
import Dispatch
import Foundation
import HTTPTypes
import HummingbirdTesting
import Logging
import NIOCore
import NIOEmbedded
import SiteConfig
import Telemetry
import Testing

@testable import Reader

@Suite("HTTP keeps to its limits, whoever asks", .timeLimit(.minutes(10)))
struct HTTPBehaviourTests {
    private let feed = Feed("temps", fields: [Field("stage", unit: .kelvin)], period: .seconds(1))

    private func archive(rows: Int = 2000) throws -> TemporaryArchive {
        let archive = try TemporaryArchive()
        try archive.commit("cryo", feed, block(0, (0..<rows).map { Double($0) / 8 }))
        return archive
    }

    /// What zlib makes of `bytes` again, whichever frame they have.
    private static func inflated(_ bytes: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        inflateInit2_(&stream, MAX_WBITS + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        defer { inflateEnd(&stream) }
        var input = bytes
        return input.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = uInt(input.count)
            return [UInt8](unsafeUninitializedCapacity: 64 << 20) { buffer, count in
                stream.next_out = buffer.baseAddress
                stream.avail_out = uInt(buffer.count)
                count = inflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : 0
            }
        }
    }

    @Test("long answers are compressed for those who take it so, and stay the same")
    func compression() async throws {
        let archive = try archive(rows: 60_000)
        try await withReader(archive.path, now: at(100_000)) { reader in
            for address in [
                "/api/v1/data?field=cryo.*&start=1795240800",
                "/prometheus/api/v1/query?query=temps_stage[20h]&time=1795300800",
            ] {
                let plain = try await reader.answer(address)
                #expect(plain.headers[.contentEncoding] == nil)
                let expected = plain.body.map { Array($0.readableBytesView) } ?? []
                #expect(expected.count > ReaderLimits.textPartBytes)
                for (accepted, coding) in [
                    ("gzip, deflate", "gzip"), ("br, deflate;q=0.5", "deflate"),
                    ("gzip;q=0, deflate", "deflate"), ("GZIP", "gzip"),
                ] {
                    let headers: HTTPFields = [.acceptEncoding: accepted]
                    let answer = try await reader.answer(address, more: headers)
                    #expect(answer.headers[.contentEncoding] == coding, "\(accepted)")
                    #expect(answer.headers[.vary] == "Accept, Accept-Encoding")
                    let bytes = answer.body.map { Array($0.readableBytesView) } ?? []
                    #expect(bytes.count < expected.count / 2)
                    // Compared outside of the macro, which would show all of a difference.
                    let isSame = Self.inflated(bytes) == expected
                    #expect(isSame, "\(accepted)")
                }
            }
            let short: HTTPFields = [.acceptEncoding: "gzip"]
            let health = try await reader.get("/healthz", headers: short)
            #expect(health.headers[.contentEncoding] == nil)
            let none = try await reader.get(
                "/api/v1/data?field=cryo.*&start=1795240800",
                headers: [.acceptEncoding: "br, gzip;q=0"]
            )
            #expect(none.headers[.contentEncoding] == nil)
        }
    }

    // Method: on one connection, so that any byte behind the head would spoil the next answer.
    @Test("HEAD gets what GET gets, but for the body, also of answers that go in parts")
    func head() async throws {
        let archive = try archive(rows: 60_000)
        try await withReader(archive.path, now: at(100_000)) { reader in
            for address in [
                "/healthz", "/", "/metrics", "/api/v1/fields",
                "/api/v1/data?field=cryo.*&start=1795240800",
            ] {
                let whole = try await reader.answer(address)
                let head = try await reader.answer(address, "127.0.0.1", nil, nil, more: [:], .head)
                #expect(head.status == whole.status && head.body?.readableBytes ?? 0 == 0)
                #expect(head.headers[.contentType] == whole.headers[.contentType])
                // What it counts itself changes from one answer to the next.
                guard address != "/metrics" else { continue }
                let length = whole.body?.readableBytes ?? 0
                #expect(head.headers[.contentLength] == String(length), "\(address)")
            }
            let connection = RawConnection(port: reader.port)
            let ask = "HTTP/1.1\r\nHost: localhost\r\n"
            connection.send("HEAD /api/v1/data?field=cryo&start=1795240800 \(ask)\r\n")
            connection.send("GET /healthz \(ask)Connection: close\r\n\r\n")
            let answers = await connection.readToEnd()
            #expect(answers.components(separatedBy: "HTTP/1.1 200 OK").count == 3)
            #expect(answers.hasSuffix("\r\n\r\n{\"status\":\"ok\"}\n"))
            #expect(!answers.contains("timeline"))
        }
    }

    @Test("what is not expected to change may be kept and asked for, and is not sent again")
    func kept() async throws {
        let archive = try archive(rows: 60)
        try await withReader(archive.path) { reader in
            let address = "/api/v1/data?field=cryo.temps.stage&start=1795240800&end="
            let kept = try await reader.get(address + "1795240850")
            let tag = try #require(kept.headers[.eTag])
            // Nobody keeps it unasked: a file that was away may be back.
            #expect(kept.status == 200 && kept.headers[.cacheControl] == "private, no-cache")
            let again = try await reader.get(
                address + "1795240850",
                headers: [.ifNoneMatch: "\"other\", \(tag)"]
            )
            #expect(again.status == 304 && again.text.isEmpty)
            #expect(again.headers[.eTag] == tag)
            let csv = try await reader.get(
                address + "1795240850",
                accept: "text/csv",
                headers: [.ifNoneMatch: tag]
            )
            #expect(csv.status == 200, "another form is another answer")
            for open in [
                address + "1795240870", "/api/v1/data?field=cryo.temps.stage&start=-90&end=-60",
                address + "1795240850&field=cryo.temps.none",
            ] {
                let answer = try await reader.get(open)
                #expect(answer.status == 200 && answer.headers[.eTag] == nil, "\(open)")
                #expect(answer.headers[.cacheControl] == "no-store")
            }
        }
    }

    @Test("another revision of a timeline has another tag")
    func revision() throws {
        let answers = try [0, 1].map { revision in
            try QueryEngine(
                archive: cryostat(seconds: 9, revision: revision, finalizedUntil: at(9))
            )
            .data(
                DataQuery(fields: [FieldPattern("cryo.temps.stage")], range: at(0)..<at(9)),
                noDeadline
            )
        }
        #expect(answers[0].isFinal(before: at(9)) && !answers[0].isFinal(before: at(10)))
        #expect(answers[0].tag(of: "a") == answers[0].tag(of: "a"))
        #expect(answers[0].tag(of: "a") != answers[0].tag(of: "b"))
        #expect(answers[0].tag(of: "a") != answers[1].tag(of: "a"))
    }

    @Test("limits are said with their number")
    func limits() async throws {
        let archive = try archive(rows: 60)
        try await withReader(archive.path) { reader in
            for (address, status, words) in [
                ("/api/v1/data?field=cryo.*&start=-99&max_points=1000001", 400, "1 to 1000000"),
                ("/api/v1/completeness?start=1&field=cryo", 413, "\"limit\":100000"),
                ("/prometheus/api/v1/query_range?query=1&start=1&end=99999&step=1", 400, "11000"),
            ] {
                let answer = try await reader.get(address)
                #expect(answer.status == status, "\(answer.text)")
                #expect(answer.text.contains(words), "\(answer.text)")
            }
        }
    }

    @Test("no path leads to a file, and huge heads are refused")
    func hostile() async throws {
        let archive = try archive(rows: 60)
        try await withReader(archive.path) { reader in
            for path in [
                "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/api/v1/../../etc/passwd",
                "//etc/passwd", "/api/v1/agents/..%2f..%2fetc", "/.%00",
            ] {
                let answer = try await reader.get(path)
                #expect([400, 404, 503].contains(answer.status), "\(path): \(answer.status)")
                #expect(!answer.text.contains("root:"))
            }
            let connection = RawConnection(port: reader.port)
            connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")
            connection.send(
                String(repeating: "x", count: ReaderLimits.headerBytes + 1) + "\r\n\r\n"
            )
            #expect(await connection.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 400"))
            let many = RawConnection(port: reader.port)
            let headers = (0...ReaderLimits.headers).map { "X-\($0): 1\r\n" }.joined()
            many.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\(headers)\r\n")
            #expect(await many.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 400"))
            #expect(try await reader.get("/healthz").status == 200)
        }
    }

    // Goal: nobody waits for what is too much, and who sends it gets to know.
    // Method: real sockets, since a client library would refuse to lie about a length.
    @Test(
        "a body beyond the limit is refused at once and ends its connection",
        arguments: [
            ("POST /api/v1/agents/cryo/ops/acquire/start", "Content-Length: 1099511627776"),
            ("POST /prometheus/api/v1/query", "Content-Length: 65537"),
            ("GET /healthz", "Content-Length: 9223372036854775807"),
            ("POST /grafana/query", "Transfer-Encoding: chunked"),
            ("GET /api/v1/fields", "Transfer-Encoding: chunked"),
            ("POST /nothing", "Transfer-Encoding: chunked"),
        ]
    )
    func longBody(target: String, header: String) async throws {
        let archive = try archive(rows: 60)
        try await withReader(archive.path) { reader in
            let connection = RawConnection(port: reader.port)
            connection.send("\(target) HTTP/1.1\r\nHost: localhost\r\n\(header)\r\n\r\n")
            if header.hasSuffix("chunked") {
                let chunk = "1000\r\n\(String(repeating: " ", count: 0x1000))\r\n"
                // One more than may be, and no last one.
                for _ in 0...(ReaderLimits.bodyBytes / 0x1000) { connection.send(chunk) }
            }
            let began = ContinuousClock.now
            let text = await connection.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 413"), "\(text)")
            #expect(text.lowercased().contains("connection: close"), "\(text)")
            #expect(text.contains("bytes; 65536 are possible"), "\(text)")
            #expect(text.contains("\"limit\":65536"), "\(text)")
            #expect(ContinuousClock.now - began < .seconds(10))
            let next = try await reader.get("/healthz")
            #expect(next.status == 200)
        }
    }

    @Test("a chunked body within the limit is taken, and its connection goes on")
    func chunkedBody() async throws {
        let archive = try archive(rows: 60)
        try await withReader(archive.path) { reader in
            let connection = RawConnection(port: reader.port)
            for _ in 0..<2 {
                connection.send(
                    "POST /prometheus/api/v1/query HTTP/1.1\r\nHost: localhost\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\n7\r\nquery=1\r\n0\r\n\r\n"
                )
                let text = await connection.read(until: "\"success\"")
                #expect(text.hasPrefix("HTTP/1.1 200"), "\(text)")
            }
        }
    }

    @Test("a reader that takes nothing for too long loses its connection, another does not")
    func slowReader() throws {
        let channel = EmbeddedChannel(handler: ConnectionWatch(patience: .seconds(30)))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        for _ in 0..<3 {
            channel.isWritable = false
            channel.pipeline.fireChannelWritabilityChanged()
            channel.embeddedEventLoop.advanceTime(by: .seconds(29))
            channel.isWritable = true
            channel.pipeline.fireChannelWritabilityChanged()
        }
        channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        #expect(channel.isActive)
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        channel.embeddedEventLoop.advanceTime(by: .seconds(31))
        #expect(!channel.isActive)
    }

    // Goal: connections on which nothing is asked shut nobody out.
    @Test(
        "the connection that was used longest ago ends for a new one, but none that is worked for"
    )
    func roll() throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let roll = ConnectionRoll(most: 3, logger: logger, time: ManualTimeSource(at(0)))
        func connection() throws -> (EmbeddedChannel, ConnectionState) {
            let watch = ConnectionWatch(roll)
            let channel = EmbeddedChannel(handler: watch)
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            return (channel, watch.state)
        }
        let (busy, state) = try connection()
        state.whenClosed {}
        let (resting, _) = try connection()
        let (used, _) = try connection()
        used.pipeline.fireChannelRead(1)
        let (new, _) = try connection()
        #expect(busy.isActive && used.isActive && new.isActive && !resting.isActive)
        #expect(roll.drops == ["resting connection ended": 1])
        try new.close().wait()
        let (last, _) = try connection()
        #expect(last.isActive && busy.isActive && used.isActive)
    }

    // Goal: who has gone leaves no work behind.
    // Method: the archive does not answer until the connection was cut and nobody waits any more.
    @Test("a query ends when its connection is cut", arguments: [false, true])
    func cut(byReset isReset: Bool) async throws {
        let answers = DispatchSemaphore(value: 0)
        let source = MemorySource(cryostat(seconds: 9).lines, onSlice: { answers.wait() })
        let time = ManualTimeSource(at(100))
        let service = QueryService(
            engine: QueryEngine(archive: source),
            pool: WorkPool(time: time),
            time: time
        )
        let query = DataQuery(fields: [FieldPattern("cryo.temps.stage")], range: at(0)..<at(9))
        let server = ReaderServer(
            service,
            listen: Endpoint(host: "127.0.0.1", port: 0),
            time: time
        )
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run { port.yield($0.port) } }
            for await port in ports {
                let connection = RawConnection(port: port)
                connection.send(
                    "GET /api/v1/data?field=cryo.temps.stage&start=1795240800&end=1795240809 "
                        + "HTTP/1.1\r\nHost: localhost\r\n\r\n"
                )
                try await eventually("a query that waits") {
                    service.waiters(for: query) == 1 ? true : nil
                }
                isReset ? connection.reset() : connection.close()
                try await eventually("the end of the query") {
                    service.waiters(for: query) == 0 ? true : nil
                }
                // Whoever goes has asked nothing wrong.
                #expect(server.routes.roll.drops.isEmpty)
                break
            }
            answers.signal()
            group.cancelAll()
        }
    }
}
