"""What the package bounds, and what happens there."""

#: The longest request, in bytes; a longer one is refused before it is sent.
LONGEST_REQUEST = 1 << 20
#: The longest reply or published message, in bytes; a longer one ends the connection.
LONGEST_MESSAGE = 64 << 20
#: Items of MessagePack in a reply or published message, and in a request; levels of either, where
#: they are counted. Beyond: malformed.
MOST_ITEMS, REQUEST_ITEMS, MOST_LEVELS = 1 << 20, 1 << 16, 16
#: The longest action, target or code, in bytes; a longer one is malformed.
LONGEST_NAME = 128
#: The longest text of a reply, in bytes; a longer one is cut by its writer.
LONGEST_TEXT = 8_192
#: Requests and replies that wait for one connection; one more is refused.
REQUEST_MARK = 1_000
#: Replies that wait for a client which does not look: the others wait where they come from.
REPLY_MARK = 8
#: Published messages that wait for one subscriber; one more is dropped for it alone.
PUBLISH_MARK = 10_000
#: Published messages that wait in a subscriber which does not look; the others wait where they come
#: from, within the marks there.
LIVE_MARK = 64
#: Bytes of published messages that may wait for one subscriber: where the mark allows more, all
#: connections end, and who comes back is allowed fewer messages.
PUBLISH_BYTES = 64 << 20
#: Topics that a publisher remembers as subscribed; beyond, it takes all as subscribed.
MOST_SUBSCRIPTIONS = 4_096
#: Milliseconds in which a handshake has to be over; then the connection ends.
HANDSHAKE_MS = 2_000
#: Milliseconds of silence of a machine that end a connection; and of silence while requests are
#: out, after which the next one that runs out of time has the connection made anew.
SILENCE_MS = 6_000
#: Seconds that a request may take which has no limit of its own.
PATIENCE = 5.0
#: Seconds in which a registry that has begun hears from all who live, and those for which a request
#: waits at most for an instance that such a registry misses.
HEARING, HEARING_PATIENCE = 10.0, 2.0
#: Seconds between two looks at whether the connection on which a reply is awaited still stands.
CONNECTION_LOOK = 0.25
#: Seconds of one trip of a longer wait: an agent that dies in between is noticed after one.
WAIT_TRIP = 10.0
#: Times in a row that a wait asks again which was not answered.
WAIT_RETRIES = 2
#: Seconds for which a live subscription goes without a look at the registry's table.
TABLE_AGE = 2.0
#: Declarations that a live subscription remembers; beyond, they are looked up anew.
LIVE_FEEDS = 20_000
#: Seconds between two looks at a session that is followed, if nothing announces a change.
FOLLOW_PERIOD = 0.5
#: Connections to one endpoint that are kept while nobody uses them; one more is closed.
IDLE_CONNECTIONS = 4
#: Bytes of a site file; a longer one is none.
SITE_FILE = 4 << 20

#: Bytes of a segment of a log, and the fewest segments of a full one.
SEGMENT_BYTES, FEWEST_SEGMENTS = 16 << 20, 4
#: Bytes of a log, unless told: beyond it the oldest segment is dropped and entered as lost.
SPOOL_BYTES = 1 << 30
#: Seconds between two syncs, and bytes that are synced before their time.
SYNC_INTERVAL, UNSYNCED_BYTES = 1.0, 32 << 20
#: Bytes of a record; a longer one is refused by `append`.
RECORD_BYTES = 4 << 20
#: Seconds between two times that the commits of archives are saved.
SAVE_INTERVAL = 10.0
#: Archives that a log remembers; one more is served, and holds no segment back.
ARCHIVES = 64
#: Epochs that are shown to the registry as predecessors.
PREDECESSORS = 64
#: Bytes that one fetch may ask for; more are cut to it.
FETCH_BYTES = 1 << 20

#: Seconds between two heartbeats, and until a new try to get the lease.
HEARTBEAT_PERIOD, LEASE_RETRY = 1.0, 0.2
#: Seconds after which an agent that finds no registry starts nevertheless, and says so.
REGISTRY_PATIENCE = 10.0
#: Seconds between two new connections to a registry that does not answer.
REGISTRY_RETRY = 5.0
#: Sessions kept of each operation; the oldest that is done is forgotten.
SESSIONS_PER_OPERATION = 20
#: Lines kept of a session, and characters of one; the oldest is forgotten, the rest cut off.
MESSAGES_PER_SESSION, MESSAGE_LENGTH = 100, 2000
#: Entries of a session's data, and their bytes; what is beyond is refused with an error.
DATA_ENTRIES, DATA_BYTES = 64, 64 << 10
#: Faults that an agent may hold; further ones are logged only.
OPEN_FAULTS = 256
#: Bytes of a text as a parameter.
PARAMETER_TEXT = 4096
#: Seconds that the newest row of a block may be from the host's clock; beyond it is kept, and the
#: fault `clock` raised.
CLOCK_TOLERANCE = 30.0
#: Seconds that operations may take to stop before the process ends without them.
SHUTDOWN_PATIENCE = 10.0
#: Seconds of the longest wait of one fetch; the archive asks again.
FETCH_WAIT = 1.0
#: The longest time for which a fetch gathers records, and how far the beats at which they go out
#: are behind those at which samples are taken.
FETCH_GATHER, GATHER_PHASE = 1.0, 0.04
#: Requests that wait for a record or for the end of a session; one more is refused.
PENDING_REQUESTS = 1024
#: Requests that are remembered however old they are, seconds for which each is, and at most.
REMEMBERED_REQUESTS, REMEMBERED_FOR, MOST_REMEMBERED = 1_000, 600.0, 100_000
#: Peers that wait for the answer of one request; one more replaces the oldest.
MOST_WAITING = 16
#: Records that wait to be published; the newest is dropped and counted.
UNPUBLISHED = 10_000
#: Seconds between two lines about what was dropped.
DROP_REPORT = 60.0
#: Refusals in the audit in so many seconds; further ones are counted and told in one entry.
AUDITED_REFUSALS, AUDIT_PERIOD = 60, 60.0
#: Bytes of the parameters, and characters of an operation's name, in the audit.
AUDITED_PARAMETERS, AUDITED_NAME = 4096, 128
#: Characters of the reason for taking control; seconds for which it is taken, usually and at most.
CONTROL_REASON, USUAL_CONTROL, LONGEST_CONTROL = 200, 1_800.0, 43_200.0
#: Seconds between two looks at whether `access.yaml` has changed.
ACCESS_PERIOD = 1.0
