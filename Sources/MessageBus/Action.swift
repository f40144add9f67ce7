/// The actions that every agent answers, and those that only the registry does.
public enum Action {
    /// Starts an operation; `wait_ns` in the arguments waits for its end in the same trip.
    public static let start = "start"
    /// Stops a process.
    public static let stop = "stop"
    /// Cuts short a task that supports it.
    public static let abort = "abort"
    /// Waits for the end of a session.
    public static let wait = "wait"
    /// The sessions of one operation, or the newest of each.
    public static let status = "status"
    /// Feeds, operations and parameters.
    public static let describe = "describe"
    /// Records of the log after a position.
    public static let fetch = "fetch"
    /// What the log holds, for which archives, and what each feed published last.
    public static let log = "log"
    /// Forgets an archive that will never come back, so that it holds nothing back any more.
    public static let forget = "forget"
    /// Takes control: nobody else starts or stops anything until it ends.
    public static let take = "take"
    /// Gives control back.
    public static let release = "release"

    /// What only the holder may do while somebody has control.
    public static let controlled: Set<String> = [start, stop, abort]

    /// Asks the registry for the lease of an instance.
    public static let register = "register"
    /// Renews a lease.
    public static let heartbeat = "heartbeat"
    /// Ends a lease.
    public static let leave = "leave"
    /// The registry's table.
    public static let table = "table"

    /// Actions that may be answered again, late, or by a restarted process without harm.
    public static let effectFree: Set<String> = [
        wait, status, describe, fetch, log, register, heartbeat, leave, table,
    ]

    /// The topic of the registry's announcements: the version of its table.
    public static let tableTopic = "registry/table/"
}
