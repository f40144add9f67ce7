import Telemetry
import Testing

@testable import Reader

private let hex = String(repeating: "abcdef01", count: 8)

@Suite("Tokens and how often they are tried")
struct AccessTokenTests {
    // By `printf … | sha256sum`: whoever writes the table by hand gets the same.
    @Test("the hash of a token is that of its secret")
    func hash() throws {
        let token = try #require(AccessToken("cerro_00000001_" + hex))
        let expected = "6d9663c0aecc7b57c3b777111d7a1ed72ed19c5a5ad093032fcdcc550b481083"
        #expect(token.hash == "sha256:" + expected)
    }

    @Test("a token is read as it is written, and its hash knows it and no other")
    func token() throws {
        let token = AccessToken.random()
        let read = try #require(AccessToken(token.text))
        #expect(read.id == token.id && read.hash == token.hash)
        #expect(token.matches(read.hash))
        let other = AccessToken.random()
        #expect(!token.matches(other.hash) && token.text != other.text)
        #expect(!token.matches("") && !token.matches("sha256:"))
        #expect(!token.matches(String(token.hash.dropLast()) + "g"))
        // Whoever prints one by mistake tells the id only.
        let secret = token.text.suffix(64)
        #expect(!"\(token)".contains(secret) && !String(reflecting: token).contains(secret))
        var dumped = ""
        dump(token, to: &dumped)
        #expect(!dumped.contains(secret) && dumped.contains(token.id))
    }

    @Test(
        "what is no token is none",
        arguments: [
            "", "cerro", "cerro_", "cerro_12345678_", "cerro_1234567_" + hex, "cerro_12345678_x",
            "cerro_12345678_" + hex + "0", "Cerro_12345678_" + hex, "cerro_1234567G_" + hex,
            "cerro_12345678_" + hex + "_", "cerro_12345678_" + hex.uppercased(),
        ]
    )
    func garbage(text: String) {
        #expect(AccessToken(text) == nil)
    }

    @Test("a limiter lets a burst through, and then as many as it says, each by itself")
    func limiter() {
        let limiter = RateLimiter(burst: 3, perSecond: 0.5)
        #expect((0..<3).allSatisfy { _ in limiter.count("a", at: .zero) == nil })
        #expect(limiter.count("a", at: .zero) == .seconds(2))
        #expect(limiter.count("b", at: .zero) == nil)
        #expect(limiter.count("a", at: .seconds(1)) == .seconds(1))
        #expect(limiter.count("a", at: .seconds(2)) == nil)
        #expect(limiter.count("a", at: .seconds(2)) == .seconds(2))
        #expect((0..<3).allSatisfy { _ in limiter.count("a", at: .seconds(100)) == nil })
    }

    // Goal: somebody with a million addresses fills no memory, and keeps out nobody for long.
    @Test("a limiter knows so many at a time, and forgets those whose time is over")
    func crowd() {
        let limiter = RateLimiter(burst: 1, perSecond: 1, most: 10)
        #expect((0..<10).allSatisfy { limiter.count("\($0)", at: .zero) == nil })
        #expect(limiter.count("late", at: .zero) == .seconds(1))
        #expect(limiter.count("late", at: .seconds(1)) == nil)
    }
}
