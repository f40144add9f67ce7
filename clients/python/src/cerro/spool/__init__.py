"""An agent's spool, from the pages `Log` and `File formats`: a log that archives fetch from.

What :meth:`AgentLog.append` returned for reaches every archive once, whatever dies in between. One
thing of Cerro's own runtime is left out: while the disk refuses to be written, `append` raises
instead of keeping records in memory.
"""

from .fetch import FetchError, fetch
from .log import AgentLog, LogError

__all__ = ["AgentLog", "FetchError", "LogError", "fetch"]
