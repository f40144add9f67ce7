/// What the runtime bounds, why, and what happens there.
public enum RuntimeLimits {
    /// Time between two heartbeats.
    public static let heartbeatPeriod = Duration.seconds(1)
    /// A lease lasts five heartbeats: one or two may be lost without anybody being declared dead.
    public static let lease = Duration.seconds(5)
    /// An agent that finds no registry starts after this and says so.
    public static let registryPatience = Duration.seconds(10)
    /// Sessions kept of each operation; the oldest that is done is forgotten.
    static let sessionsPerOperation = 20
    /// Lines kept of a session; the oldest is forgotten.
    static let messagesPerSession = 100
    /// Bytes of one line; the rest is cut off.
    static let messageLength = 2000
    /// Entries of a session's data; further ones are refused and logged.
    static let dataEntries = 64
    /// Bytes of a session's data as MessagePack; an entry beyond is refused and logged.
    static let dataSize = 64 << 10
    /// Faults that an agent may hold; further ones are logged only.
    static let openFaults = 256
    /// Changes of sessions and faults, and ends of commands, that wait for the log; the newest is
    /// dropped and counted.
    static let pendingChanges = 4096
    /// Requests that are being answered off the reactor; further ones are refused as busy.
    static let pendingRequests = 1024
    /// Refusals that the audit lists in each ``auditPeriod``; further ones are counted, and one
    /// entry tells how many there were: a flood must not fill the archive.
    static let auditedRefusals = 60
    /// How long a count of refusals lasts.
    static let auditPeriod = Duration.seconds(60)
    /// Bytes of a command's parameters in the audit; longer ones are left out, and it says so.
    static let auditedParameters = 4096
    /// Characters of an operation's name in the audit; the rest is cut off.
    static let auditedName = 128
    /// The longest time for which control is taken at once, a night: more is refused, and whoever
    /// needs more takes it again.
    public static let longestControl = Duration.seconds(12 * 3600)
    /// How long control lasts where nobody says otherwise.
    public static let usualControl = Duration.seconds(1800)
    /// Characters of the reason for taking control; a longer one is refused.
    static let controlReason = 200
    /// Round trips of the lease that the estimate of a clock is taken from: a few seconds, in which
    /// one is hardly ever disturbed.
    static let clockReadings = 8
    /// How far clocks drift apart within that time, at most; beyond, one was set.
    static let clockDrift = Duration.milliseconds(5)
    /// How long operations may take to stop before the process ends without them.
    static let shutdownPatience = Duration.seconds(10)
    /// The longest wait of one fetch; the aggregator asks again.
    static let longestFetchWait = Duration.seconds(1)
    /// The longest time for which a fetch gathers records.
    static let longestGather = Duration.seconds(1)
    /// How far the beats at which gathered records go out are behind those at which samples are
    /// taken.
    static let gatherPhase = Duration.milliseconds(40)
    /// The most bytes of one fetch answer, beyond which one record may reach.
    static let fetchBytes = 1 << 20
}
