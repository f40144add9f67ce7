internal import Foundation

/// A port of loopback that nobody else can have, until it is let go.
public final class TakenPort {
    private let descriptor: Int32

    /// Takes a port; nil if somebody has it.
    public init?(_ port: Int) {
        // No process that another test starts meanwhile shall have it as well.
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(AF_INET, kind, 0)
        let status = SocketAddress.with(port: port) { bind(descriptor, $0, $1) }
        // What is whole by now is closed by `deinit`; a second time would close somebody else's.
        guard status == 0, listen(descriptor, 1) == 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// `count` ports in a row that nobody has, below those that the system gives to whoever asks
    /// for any; returns the first.
    public static func free(_ count: Int = 1) throws -> Int {
        for _ in 0..<100 {
            let first = Int.random(in: 20_000..<30_000)
            let taken = (first..<first + count).compactMap(TakenPort.init)
            if taken.count == count { return first }
        }
        throw NeverHappened(description: "no \(count) free ports in a row were found")
    }
}
