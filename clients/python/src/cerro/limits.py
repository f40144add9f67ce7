"""What the package bounds, and what happens there."""

#: The longest request, in bytes; a longer one is refused before it is sent.
LONGEST_REQUEST = 1 << 20
#: The longest reply or published message, in bytes; a longer one ends the connection.
LONGEST_MESSAGE = 64 << 20
#: The longest action, target or code, in bytes; a longer one is malformed.
LONGEST_NAME = 128
#: The longest text of a reply, in bytes; a longer one is cut by its writer.
LONGEST_TEXT = 8_192
#: Requests and replies that wait for one connection; one more is refused.
REQUEST_MARK = 1_000
#: Published messages that wait for one subscriber; one more is dropped for it alone.
PUBLISH_MARK = 10_000
#: Milliseconds in which a handshake has to be over; then the connection ends.
HANDSHAKE_MS = 2_000
#: Milliseconds between two pings of an idle peer, and of silence that ends a connection.
PING_MS, SILENCE_MS = 2_000, 6_000
#: Seconds that a request may take which has no limit of its own.
PATIENCE = 5.0
#: Seconds of one trip of a longer wait: an agent that dies in between is noticed after one.
WAIT_TRIP = 10.0
#: Seconds for which a live subscription goes without a look at the registry's table.
TABLE_AGE = 2.0
#: Seconds between two looks at a session that is followed, if nothing announces a change.
FOLLOW_PERIOD = 0.5
#: Connections to one endpoint that are kept while nobody uses them; one more is closed.
IDLE_CONNECTIONS = 4
#: Bytes of a site file; a longer one is none.
SITE_FILE = 4 << 20
