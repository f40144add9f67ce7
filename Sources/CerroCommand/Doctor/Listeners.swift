internal import Foundation
internal import Glibc
internal import Telemetry

/// Who listens on TCP on this machine.
///
/// Source: `proc(5)`, `/proc/net/tcp`.
enum Listeners {
    /// A line of the kernel's table.
    struct Row: Hashable {
        var address: String, port: Int, inode: UInt64
    }

    /// The listening sockets of `/proc/net/tcp` or `/proc/net/tcp6`.
    static func rows(of table: String) -> [Row] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let parts = line.split(separator: " ", omittingEmptySubsequences: true)
            guard parts.count > 9, parts[3] == "0A", let inode = UInt64(parts[9]) else {
                return nil
            }
            let place = parts[1].split(separator: ":")
            guard place.count == 2, let port = Int(place[1], radix: 16),
                let address = address(hexadecimal: place[0])
            else { return nil }
            return Row(address: address, port: port, inode: inode)
        }
    }

    /// The kernel writes an address as 32-bit words of the machine's byte order.
    private static func address(hexadecimal text: Substring) -> String? {
        guard text.utf8.count == 8 || text.utf8.count == 32 else { return nil }
        var words: [UInt32] = []
        var rest = text
        while !rest.isEmpty {
            guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            words.append(word)
            rest = rest.dropFirst(8)
        }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = words.count == 1 ? AF_INET : AF_INET6
        guard inet_ntop(family, &words, &buffer, socklen_t(buffer.count)) != nil else { return nil }
        let bytes = buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        let address = String(decoding: bytes, as: UTF8.self)
        // A socket for both families shows an IPv4 address in the clothes of the other.
        let mapped = "::ffff:"
        return address.hasPrefix(mapped) ? String(address.dropFirst(mapped.count)) : address
    }

    /// All of this machine; the holder of a socket is known to its owner and to root.
    static func here() -> [DoctorFacts.Listener] {
        let found = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { rows(of: text(of: $0)) }
        let owners = holders(of: Set(found.map(\.inode)))
        return found.map {
            DoctorFacts.Listener(address: $0.address, port: $0.port, holder: owners[$0.inode])
        }
    }

    /// A table of the kernel as a whole.
    ///
    /// It comes a page at a time, and `String(contentsOfFile:)` takes the first short piece of a
    /// file of unknown length for its end.
    private static func text(of table: String) -> String {
        let file = try? FileHandle(forReadingFrom: URL(filePath: table))
        return String(decoding: (try? file?.readToEnd()) ?? Data(), as: UTF8.self)
    }

    /// The processes that have one of the sockets open.
    private static func holders(of inodes: Set<UInt64>) -> [UInt64: DoctorFacts.Process] {
        let files = FileManager.default
        var holders: [UInt64: DoctorFacts.Process] = [:]
        for pid in ((try? files.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap(Int64.init)
        {
            let folder = "/proc/\(pid)/fd"
            for name in (try? files.contentsOfDirectory(atPath: folder)) ?? [] {
                guard let link = try? files.destinationOfSymbolicLink(atPath: "\(folder)/\(name)"),
                    link.hasPrefix("socket:["), let inode = UInt64(link.dropFirst(8).dropLast()),
                    inodes.contains(inode), holders[inode] == nil
                else { continue }
                holders[inode] = DoctorFacts.Process(pid: pid, command: command(of: pid))
            }
        }
        return holders
    }

    private static func command(of pid: Int64) -> [String] {
        let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
        return bytes.prefix(Limits.commandBytes).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
}
