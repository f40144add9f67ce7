internal import Glibc

/// A connection by its descriptor, which another one may have later, and the kernel's name for it.
struct OpenConnection {
    let descriptor: Int32, cookie: UInt64
}

/// The connections among the descriptors that this process has open.
///
/// To have them listed costs more than to ask a hundred numbers what they are. The kernel gives
/// the lowest number that is free: what was opened after a listing has one below the count of what
/// was listed and of what came since. So few that came are seen without another listing. Where a
/// socket is at home it is asked once.
struct OpenDescriptors {
    /// Where the numbers end that are asked without a listing.
    private var end: Int32 = 0
    private var looksUntilListing = 0
    private var sockets: [Int32: (cookie: UInt64, port: UInt16?)] = [:]

    /// What is open at `ports`, by port: by a listing where `isThorough`, and now and then.
    mutating func connections(
        at ports: Set<UInt16>,
        isThorough: Bool
    ) -> [UInt16: [OpenConnection]] {
        var found: [UInt16: [OpenConnection]] = [:]
        if isThorough || looksUntilListing == 0 {
            let listed = Self.list()
            looksUntilListing = ZeroMQLimits.looksPerListing
            end = Int32(listed.count) + ZeroMQLimits.spareDescriptors
            for descriptor in listed { note(descriptor, at: ports, &found) }
        } else {
            looksUntilListing -= 1
            for descriptor in 0..<end { note(descriptor, at: ports, &found) }
        }
        return found
    }

    private mutating func note(
        _ descriptor: Int32,
        at ports: Set<UInt16>,
        _ found: inout [UInt16: [OpenConnection]]
    ) {
        guard let cookie = Connection.cookie(of: descriptor) else { return }
        var socket = sockets[descriptor]
        if socket?.cookie != cookie {
            socket = (cookie, Connection.port(of: descriptor))
            sockets[descriptor] = socket
        }
        guard let port = socket?.port, ports.contains(port) else { return }
        let connection = OpenConnection(descriptor: descriptor, cookie: cookie)
        found[port, default: []].append(connection)
        end = max(end, descriptor + 1)
    }

    private static func list() -> [Int32] {
        guard let folder = opendir("/proc/self/fd") else { return [] }
        defer { closedir(folder) }
        var descriptors: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = Int32(name) { descriptors.append(number) }
        }
        return descriptors
    }
}
