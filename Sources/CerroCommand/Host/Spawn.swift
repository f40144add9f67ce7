internal import CKernel
internal import Foundation

/// Starting a program with signals, groups and descriptors as a supervisor needs them.
enum Spawn {
    /// A pipe whose ends no child inherits by accident.
    struct Channel {
        /// Where to read, and where to write.
        let reading: FileHandle, writing: FileHandle

        /// A new pipe.
        init() throws(CommandFailure) {
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { throw Spawn.failure("a pipe", errno) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            reading = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
            writing = FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
        }
    }

    /// Starts a program in a process group of its own, with no signal blocked or ignored.
    ///
    /// Threads of the concurrency pool block signals and this process ignores some; a child that
    /// inherited that could not be stopped.
    static func start(
        _ program: ChildProcess.Program,
        input: FileHandle?,
        output: FileHandle
    ) throws(CommandFailure) -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        // Who outlives this process has a session of its own too, and no terminal that may hang up.
        let own = input == nil ? cerro_new_session : Int32(POSIX_SPAWN_SETPGROUP)
        let flags = own | Int32(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        if let input {
            posix_spawn_file_actions_adddup2(&files, input.fileDescriptor, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&files, output.fileDescriptor, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&files, output.fileDescriptor, STDERR_FILENO)
        // Who outlives this process must not keep open what it was given by its own starter.
        if input == nil { _ = cerro_close_from(&files, STDERR_FILENO + 1) }

        let variables = ProcessInfo.processInfo.environment
            .filter { !ownVariables.contains($0.key) }.map { "\($0.key)=\($0.value)" }
        var pid: pid_t = 0
        let status = withCStrings([program.executable] + program.arguments) { arguments in
            withCStrings(variables) { variables in
                posix_spawn(&pid, program.executable, &files, &attributes, arguments, variables)
            }
        }
        guard status == 0 else { throw failure(program.executable, status) }
        return pid
    }

    /// What systemd tells this process and no other.
    private static let ownVariables: Set<String> = [
        "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS",
    ]

    /// Waits for the end of a child, on a thread that may block.
    static func wait(for pid: pid_t) -> ChildProcess.End {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? .code((status >> 8) & 0xFF) : .signal(signal)
    }

    /// Waits for the end of a process that somebody else started.
    static func wait(forHandle handle: Int32) {
        var place = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
        while poll(&place, 1, -1) < 0, errno == EINTR {}
    }

    private static func withCStrings<Result>(
        _ texts: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = texts.map { strdup($0) }
        defer { copies.forEach { free($0) } }
        return body(copies + [nil])
    }

    private static func failure(_ what: String, _ error: Int32) -> CommandFailure {
        CommandFailure(.failed, "\(what) cannot be started: \(String(cString: strerror(error)))")
    }
}
