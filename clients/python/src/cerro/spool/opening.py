"""What a log finds when it opens: the lock, the last segments; and whose losses join."""

import fcntl
import os
import socket

from ..errors import CerroError


class LogError(CerroError):
    """A spool that cannot be written, or that another process holds."""


def take_lock(folder, instance):
    """The locked file of a folder, which says who holds it."""
    path = os.path.join(folder, "lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 512, 0).decode(errors="replace")
        os.close(descriptor)
        raise LogError(
            f"the spool {folder} is held by {holder or 'another process'}: stop that one "
            "first, or give this agent a folder of its own"
        ) from None
    os.ftruncate(descriptor, 0)
    text = f"host {socket.gethostname()}, pid {os.getpid()}, instance {instance}"
    os.pwrite(descriptor, text.encode()[:512], 0)
    return descriptor


def look_at_last(segment, known, boot):
    """Looks at the last segment of an epoch, and notes that of a killed process as closed."""
    entry = known.get(segment.epoch)
    was_killed = entry is not None and entry.boot == boot
    # What a killed process wrote is with the kernel; a power cut leaves anything behind.
    segment.index(is_checked=not was_killed)
    if was_killed and not entry.is_closed:
        with open(segment.path, "rb") as file:
            os.fsync(file.fileno())
        known[segment.epoch] = entry._replace(is_closed=True, last=segment.next - 1)


def joined_losses(losses):
    """The losses with those put together that join on to each other."""
    joined = []
    for body in sorted(losses):
        last = joined[-1] if joined else None
        if last and (last[0], last[5]) == (body[0], body[5]) and body[1] <= last[1] + last[2]:
            last[2] = max(last[1] + last[2], body[1] + body[2]) - last[1]
            last[3], last[4] = min(last[3], body[3]), max(last[4], body[4])
        else:
            joined.append(list(body))
    return joined


def boot_id():
    """What changes when the machine starts again."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip() or "unknown"
    except OSError:
        return "unknown"
