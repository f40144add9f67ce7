"""The feeds that every agent has beside its own."""

from ..model import Feed, Field

SESSIONS = Feed("sessions", (
    Field("session", "int", description="number of the session within the epoch"),
    Field("operation", "string"),
    Field("status", "string", description="starting, running, degraded, stopping, done"),
    Field("success", "bool", description="missing until the session is done"),
    Field("reason", "string", description="why it is degraded or failed"),
), "changes of sessions")
FAULTS = Feed("faults", (
    Field("id", "string", description="what kind of fault"),
    Field("subject", "string", description="what it is about"),
    Field("severity", "string", description="warning, error, critical"),
    Field("open", "bool", description="true when raised, false when cleared"),
    Field("text", "string", description="what is wrong and what to do"),
), "faults raised and cleared")
AUDIT = Feed("audit", (
    Field("request", "string", description="id of the request; a command has two entries"),
    Field("outcome", "string",
          description="started, then done or failed; or refused, expired, repeated"),
    Field("who", "string", description="who asked, and what stands behind the name"),
    Field("name", "string", description="the name alone"),
    Field("proof", "string", description="local, key:…, token:…"),
    Field("address", "string", description="where the request came from"),
    Field("action", "string"),
    Field("operation", "string"),
    Field("parameters", "string", description="as JSON, secrets blanked"),
    Field("reason", "string", description="why it was refused or failed"),
    Field("duration", "double", "s", "missing but at the end of a command"),
), "commands and refusals")
#: Names that an agent's own feeds may not use.
BUILT_IN = (SESSIONS, FAULTS, AUDIT)
