internal import Telemetry

/// What a host has: the disks, interfaces and sensors that are there when its agent starts.
struct HostLayout: Sendable {
    /// One file system: its name among the fields, its folder, its device in `/proc/diskstats`.
    struct Disk: Hashable, Sendable {
        var name: String, folder: String, device: String?
    }

    /// One network interface.
    struct Interface: Hashable, Sendable {
        var name: String, device: String
    }

    /// One thermometer, with the file that holds its thousandths of a degree.
    struct Sensor: Hashable, Sendable {
        var name: String, path: String
    }

    /// The file systems that have a disk of their own and cannot hang, as network ones can.
    static let diskTypes: Set<Substring> = [
        "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "vfat", "exfat", "ntfs",
        "ntfs3", "fuseblk",
    ]

    private(set) var disks: [Disk] = []
    private(set) var interfaces: [Interface] = []
    private(set) var sensors: [Sensor] = []

    /// Looks around; what is absent is left out.
    init(_ files: HostFiles) {
        disks = Self.disks(files)
        interfaces = Self.interfaces(files)
        sensors = Self.sensors(files)
    }

    private static func disks(_ files: HostFiles) -> [Disk] {
        let devices = Set(DiskCounters.read(files).keys)
        var seen: Set<Substring> = []
        var names = FieldNames()
        var disks: [Disk] = []
        for line in files.lines("/proc/self/mounts") {
            let words = line.split(separator: " ")
            guard words.count >= 3, disks.count < Limits.mostItems else { continue }
            let folder = unescaped(words[1])
            // In a container the root is an overlay, and its disk is worth watching.
            guard diskTypes.contains(words[2]) || (folder == "/" && words[2] == "overlay"),
                seen.insert(words[0]).inserted
            else { continue }
            let path = unescaped(words[0])
            let device = files.linkTarget(path) ?? path.split(separator: "/").last.map(String.init)
            disks.append(
                Disk(
                    name: names.unique(folder == "/" ? "root" : folder),
                    folder: folder,
                    device: device.flatMap { devices.contains($0) ? $0 : nil }
                )
            )
        }
        return disks
    }

    private static func interfaces(_ files: HostFiles) -> [Interface] {
        var names = FieldNames()
        return NetworkCounters.read(files).keys.sorted().filter { $0 != "lo" }
            .prefix(Limits.mostItems).map { Interface(name: names.unique($0), device: $0) }
    }

    private static func sensors(_ files: HostFiles) -> [Sensor] {
        var names = FieldNames()
        var sensors: [Sensor] = []
        for chip in files.names(in: "/sys/class/hwmon") {
            let folder = "/sys/class/hwmon/" + chip
            let chipName = files.text(folder + "/name").map { Text.trimmed($0) } ?? chip
            for file in files.names(in: folder) where file.hasPrefix("temp") {
                guard file.hasSuffix("_input") else { continue }
                let stem = String(file.dropLast("_input".count))
                let label = files.text("\(folder)/\(stem)_label").map { Text.trimmed($0) } ?? stem
                let name = names.unique(chipName + "_" + label)
                sensors.append(Sensor(name: name, path: "\(folder)/\(file)"))
            }
        }
        for zone in files.names(in: "/sys/class/thermal") where zone.hasPrefix("thermal_zone") {
            let folder = "/sys/class/thermal/" + zone
            guard files.integer(folder + "/temp") != nil else { continue }
            let type = files.text(folder + "/type").map { Text.trimmed($0) } ?? zone
            sensors.append(Sensor(name: names.unique("zone_" + type), path: folder + "/temp"))
        }
        return Array(sensors.prefix(Limits.mostItems))
    }

    /// `\040` and the like, by which the kernel writes blanks in names.
    static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 0x5C, rest.count >= 3,
                let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
            {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Turns what the kernel calls things into names of fields, each once.
struct FieldNames {
    private var used: Set<String> = []

    /// `text` with `_` for whatever a name cannot hold, and a number if it is taken.
    mutating func unique(_ text: String) -> String {
        var name = ""
        for scalar in text.lowercased().unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9", "-": name.unicodeScalars.append(scalar)
            default: if name.last != "_", !name.isEmpty { name += "_" }
            }
        }
        while name.last == "_" || name.last == "-" { name.removeLast() }
        while name.first == "-" { name.removeFirst() }
        name = String((name.isEmpty ? "item" : name).prefix(Name.longest - 32))
        var candidate = name
        var number = 2
        while !used.insert(candidate).inserted {
            candidate = "\(name)_\(number)"
            number += 1
        }
        return candidate
    }
}
