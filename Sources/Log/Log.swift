// The log itself follows.
