internal import Glibc

/// How many bytes came to this host by all its network interfaces, loopback included.
///
/// The kernel tells it in one call, whatever number of connections there is: while little came to
/// the host, little came on each of them.
///
/// Source: proc_pid_net(5), `/proc/pid/net/dev`.
struct HostTraffic {
    /// Never closed: it is asked for as long as the process lives.
    private let file = open("/proc/self/net/dev", O_RDONLY | O_CLOEXEC)
    private var before: Int?
    private var quietCount = 0

    /// Whether at most ``ZeroMQLimits/quietBytes`` came since this was last denied.
    ///
    /// After ``ZeroMQLimits/quietLooks`` it is denied whatever came.
    mutating func isQuiet() -> Bool { isQuiet(received: received()) }

    mutating func isQuiet(received now: Int?) -> Bool {
        if let now, let before, (0...ZeroMQLimits.quietBytes).contains(now &- before),
            quietCount < ZeroMQLimits.quietLooks
        {
            quietCount += 1
            return true
        }
        before = now
        quietCount = 0
        return false
    }

    /// Bytes since the interfaces came up; nil where that cannot be told.
    ///
    /// It becomes less when an interface goes.
    func received() -> Int? {
        withUnsafeTemporaryAllocation(
            byteCount: ZeroMQLimits.interfaceText,
            alignment: 1
        ) { buffer in
            let count = pread(file, buffer.baseAddress, buffer.count, 0)
            guard count > 0, count < buffer.count else { return nil }
            return Self.received(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
        }
    }

    /// The sum of the first numbers behind the colons, of which there is one a line; nil where
    /// there is none.
    static func received(_ text: UnsafeRawBufferPointer) -> Int? {
        var (sum, number): (Int?, Int?) = (nil, nil)
        for byte in text {
            switch byte {
            case UInt8(ascii: ":"): number = 0
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                number = number.map { $0 &* 10 &+ Int(byte - UInt8(ascii: "0")) }
            case UInt8(ascii: " ") where number == 0: continue
            default:
                if let number { sum = (sum ?? 0) &+ number }
                number = nil
            }
        }
        return sum
    }
}
