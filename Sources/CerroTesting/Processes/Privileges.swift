internal import Foundation

/// What the kernel lets this process do, which no package can install.
///
/// A container may forbid to root what tests under faults need.
public enum Privileges {
    /// Whether mount and network namespaces can be made.
    public static let makesNamespaces = succeeds("unshare --mount --net true")

    /// Whether processes can be traced; where `strace` is missing, those who need it shall fail.
    public static let traces = succeeds("! command -v strace || strace -qq -o /dev/null true")

    private static func succeeds(_ command: String) -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", command]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        do { try ProcessStart.begin { try process.run() } } catch { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}

/// The user who may do nothing that others may not: whoever runs a site need not be root.
public enum Nobody {
    private static let number: uid_t = 65_534

    /// The words before a program that runs as this user.
    public static let words = [
        "setpriv", "--reuid=\(number)", "--regid=\(number)", "--clear-groups", "--",
    ]

    /// Gives a file or folder to this user.
    public static func own(_ path: String) { chown(path, number, number) }
}
