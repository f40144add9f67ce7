internal import Foundation

/// Runs programs whose wall clock is off; everything else that they measure is as it was.
///
/// A small library stands before the one of C. It is compiled here, by the compiler that a Swift
/// toolchain has for its C targets.
public final class OtherClock: Sendable {
    private let folder: TemporaryFolder
    private let library: String

    private static let source = """
        #define _GNU_SOURCE
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static time_t lead(void) {
            const char *text = getenv("CLOCK_LEAD");
            return text ? atoll(text) : 0;
        }

        int clock_gettime(clockid_t clock, struct timespec *now) {
            int status = syscall(SYS_clock_gettime, clock, now);
            if (status == 0 && clock == CLOCK_REALTIME) now->tv_sec += lead();
            return status;
        }

        int gettimeofday(struct timeval *now, void *zone) {
            int status = syscall(SYS_gettimeofday, now, zone);
            if (status == 0 && now) now->tv_sec += lead();
            return status;
        }

        time_t time(time_t *seconds) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (seconds) *seconds = now.tv_sec;
            return now.tv_sec;
        }
        """

    /// Compiles the library.
    public init() async throws {
        folder = try TemporaryFolder()
        library = folder.path + "/clock.so"
        let file = folder.path + "/clock.c"
        try Self.source.write(toFile: file, atomically: true, encoding: .utf8)
        let compiler = try RunningProgram(
            words: ["clang", "-shared", "-fPIC", "-O1", "-o", library, file]
        )
        guard try await compiler.untilEnd() == .code(0) else {
            throw NeverHappened(description: "the clock cannot be compiled: \(compiler.output)")
        }
    }

    /// Words that run a program whose clock leads by so many whole seconds.
    public func leading(by lead: Duration) -> [String] {
        ["env", "LD_PRELOAD=\(library)", "CLOCK_LEAD=\(lead.components.seconds)"]
    }
}
