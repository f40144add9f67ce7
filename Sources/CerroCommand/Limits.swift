// The limits of the command line: what each bounds, why it has this size, and what happens there.

enum Limits {
    /// Time between SIGTERM and SIGKILL of an instance.
    ///
    /// Operations are given 10 s to stop and the log a moment to reach the disk; who is not done
    /// then hangs, and is killed.
    static let stopping: Duration = .seconds(20)

    /// The longest pause before an instance is started again: short enough that nobody restarts it
    /// by hand, long enough that a broken one costs nothing.
    static let longestPause: Duration = .seconds(30)

    /// An instance that ran this long was fine, so that its next end starts from the first pause.
    static let steadyRun: Duration = .seconds(60)

    /// How often in a row an instance ends by itself before that is a fault.
    static let faultyEnds = 3

    /// The last lines of an instance's log that say why it ended.
    static let faultLines = 3

    /// How long an instance that somebody starts has to run for the start to be done.
    static let startWatch: Duration = .seconds(1)

    /// Ends of processes that a manager has not looked at yet: each of its instances has one at
    /// most, and none is lost below this number of instances.
    static let hostEvents = 65_536

    /// The size at which an instance's log file is put aside before the day is over.
    static let logFileBytes = 16 << 20

    /// Files that an instance's log has put aside; the oldest one goes.
    static let logFiles = 14

    /// How often an instance looks whether its log file is full.
    static let logPeriod: Duration = .seconds(60)

    /// How much of the end of a log file is looked at for its last line.
    static let lastLineBytes = 1_000

    /// The longest line of a log that is shown in one piece.
    static let outputPieceBytes = 64 << 10

    /// The lines that `cerro logs` shows unless told otherwise.
    static let logLines = 100

    /// How often `cerro logs -f` looks for new lines, on this machine and on another.
    static let logPolling: Duration = .milliseconds(200), remoteLogPolling: Duration = .seconds(1)

    /// Bytes of a log that a manager tells in one reply, and lines.
    static let logReplyBytes = 256 << 10, logReplyLines = 10_000

    /// How long a command waits for what it has a manager do: an instance has 20 s to stop, and
    /// others may be first.
    static let hostCall: Duration = .seconds(120)

    /// How long `cerro host list` waits for each manager.
    static let hostQuery: Duration = .seconds(2)

    /// How often a manager publishes how far its clock is off.
    static let clockPeriod: Duration = .seconds(10)

    /// How long one request waits for an operation's end before it asks again: so soon an instance
    /// that died meanwhile, or Ctrl-C, is noticed.
    static let waitStep: Duration = .seconds(1)

    /// How often `cerro watch` looks for instances that came meanwhile.
    static let tablePeriod: Duration = .seconds(2)

    /// How often `cerro watch` draws its board, and the age from which a value on it counts as old.
    static let boardPeriod: Duration = .seconds(1), boardFresh: Duration = .seconds(10)

    /// Fields of which `cerro watch` keeps the newest value, and numbers of each for its trend;
    /// later fields are not shown: give a pattern.
    static let boardRows = 100_000, boardTrend = 24

    /// How long `cerro status` waits for what only adds to its answer.
    static let statusQuery: Duration = .seconds(1)

    /// How long `cerro why` waits for each answer: who does not answer in time is broken.
    static let whyRequest: Duration = .seconds(3)

    /// How long nothing may come, or be behind, before `cerro why` calls it broken.
    static let whyPatience: Duration = .seconds(10)

    /// The time before the newest row in which `cerro why` looks for values of a field.
    static let whyRows: Duration = .seconds(60)

    /// How long `cerro doctor` waits for each answer and each handshake, and how many handshakes it
    /// has under way at once.
    static let doctorRequest: Duration = .seconds(3), doctorHandshakes = 64

    /// How often `cerro doctor` asks the registry for its clock: the quickest answer counts.
    static let doctorClocks = 5

    /// How far two clocks may be apart before `cerro doctor` mentions it.
    static let clockDoubt: Duration = .seconds(1)

    /// How long a shell waits for what it offers: longer, and whoever pressed the key thinks that
    /// it hangs; and how much it offers at most: more is no help to anybody.
    static let completion: Duration = .milliseconds(300), completions = 1000

    /// The most of a process's command line that is looked at.
    static let commandBytes = 4096

    /// The most columns of a table of samples; more of them stand one below the other.
    static let tableColumns = 6

    /// How long the processes of a benchmark may take to come up before the run fails.
    static let benchStart: Duration = .seconds(30)

    /// How long a journal has to stay as it is for a benchmark to take it as complete: agents with
    /// anything left are asked for it many times as often.
    static let benchQuiet: Duration = .milliseconds(1500)

    /// The most bytes that a benchmark writes to find out how fast the disk is.
    static let benchFloorBytes = 1 << 30

    /// Messages a second that one source of a benchmark is asked for at most: more than it can.
    static let benchMessageRate = 500_000.0

    /// Time after which an instance does what it will do from then on.
    static let beginning: Duration = .seconds(5)

    /// How long agents publish before a benchmark lets something fail.
    static let benchWarmUp: Duration = .seconds(2)
    /// The time that a site has to come to rest: code that runs for the first time is read from its
    /// file, and threads that only the start needed end after some seconds.
    static let benchCalm: Duration = .seconds(10)

    /// A segment that is longer than this holds more than its opening.
    static let benchOpeningBytes = 64 << 10

    /// The most bytes with which a benchmark fills a disk.
    static let benchBallast = 16 << 30

    /// Bytes of decoded columns that an export keeps: windows share the groups that they cut.
    static let exportCache = 64 << 20

    /// How often `cerro audit --follow` asks for news.
    static let auditPeriod: Duration = .seconds(1)

    /// How late an entry of the audit may be committed and still be seen by `--follow`.
    static let auditDelay: Duration = .seconds(60)

    /// How often `cerro archive export --follow` looks for newly sealed files.
    static let followPeriod: Duration = .seconds(10)

    /// Fields of one plot: more cannot be told apart.
    static let plotFields = 32

    /// Points of each field of a plot: more than any picture is wide.
    static let plotPoints = 20_000

    /// The size of a plot in a terminal, in characters, and of a picture, in pixels.
    static let plotWidth = 30...1000, plotHeight = 10...500
    static let pictureWidth = 300...10_000, pictureHeight = 200...10_000

    /// How wide a picture is unless told otherwise.
    static let pictureUsualWidth = 1200

    /// Lines that a panel has in a terminal: fewer show nothing, more are only larger; and in a
    /// text that no terminal limits.
    static let plotLeastRows = 5, plotMostRows = 40, plotUsualRows = 14

    /// Files and connections that an instance allows itself: those of all sockets at their most.
    static let openFiles = 65_536
}
