internal import Foundation
internal import Log
internal import Telemetry

/// What a manager remembers of its instances, so that the next one takes them over: in a file that
/// is replaced as a whole.
///
/// ```json
/// {"boot": "b4a…", "instances": {"fake-1": {"hash": "9f…", "pid": 812, "start": 51234,
///  "wanted": false}}, "version": 1}
/// ```
struct HostState: Equatable, Sendable {
    /// One instance.
    struct Instance: Equatable, Sendable {
        /// The process that runs for it, nil for none.
        var process: ProcessIdentity?
        /// The checksum of what that process has read in the site file.
        var hash = ""
        /// What a person decided about it otherwise than the site file; nil for nothing.
        var wanted: Bool?
    }

    /// Instances of which there is something to remember.
    var instances: [String: Instance] = [:]

    /// Nothing to remember.
    init() {}

    /// What the file at `path` says; nothing where there is none.
    ///
    /// - Throws: a sentence about a file that cannot be used.
    init(path: String) throws(CommandFailure) {
        let text: String
        do { text = String(decoding: try SystemDisk().contents(of: path), as: UTF8.self) } catch {
            if case .missing = error { return }
            throw CommandFailure(.failed, "\(error)")
        }
        guard let value = try? Value(json: text), value["version"]?.int == 1,
            let members = value["instances"]?.map
        else {
            throw CommandFailure(.failed, "\(path) is damaged: it is no list of instances")
        }
        let boot = value["boot"]?.string ?? ""
        instances = members.mapValues { member in
            var instance = Instance()
            if let pid = member["pid"]?.int.flatMap(pid_t.init(exactly:)),
                let start = member["start"]?.int
            {
                instance.process = ProcessIdentity(pid: pid, start: start, boot: boot)
            }
            instance.hash = member["hash"]?.string ?? ""
            instance.wanted = member["wanted"]?.bool
            return instance
        }
    }

    /// Writes the file, in one step that survives a power cut.
    func write(_ path: String, boot: String = InstanceRunner.bootID) throws(DiskError) {
        let members = instances.mapValues { instance in
            [
                "pid": instance.process.map { .int(Int64($0.pid)) } ?? .null,
                "start": instance.process.map { .int($0.start) } ?? .null,
                "hash": .string(instance.hash),
                "wanted": instance.wanted.map(Value.bool) ?? .null,
            ] as Value
        }
        let value: Value = [
            "version": 1, "boot": .string(boot), "instances": .map(members),
        ]
        try SystemDisk().replace(path, with: Array((value.indentedJSON + "\n").utf8))
    }
}
