public import Telemetry

/// How far this host's clock is from the registry's, by the round trips of the lease.
///
/// The registry's clock in a reply was read between the request and the reply: the middle of the
/// two is off by half of the round trip at most, so the shortest of the last round trips tells
/// best. Readings that cannot both be true say that a clock was set, and the earlier ones go.
///
/// Source: D. L. Mills et al., "Network Time Protocol Version 4", RFC 5905, section 8 (offset and
/// delay) and section 10 (the clock filter).
public struct ClockEstimate: Sendable {
    /// One measurement.
    public struct Reading: Hashable, Sendable {
        /// This host's clock less the registry's.
        public var offset: Duration
        /// The time from the request to the reply; the offset is good to half of it.
        public var roundTrip: Duration

        /// A reading.
        public init(offset: Duration, roundTrip: Duration) {
            self.offset = offset
            self.roundTrip = roundTrip
        }
    }

    private var readings: [Reading] = []

    /// An estimate without readings.
    public init() {}

    /// The reading of the shortest round trip; nil before there is one.
    public var best: Reading? { readings.min { $0.roundTrip < $1.roundTrip } }

    /// Takes a round trip.
    ///
    /// - Parameters:
    ///   - sent: this host's wall clock when the request went out.
    ///   - roundTrip: until the reply came, on the monotonic clock.
    ///   - remote: the registry's wall clock in the reply.
    public mutating func note(sent: Timestamp, roundTrip: Duration, remote: Timestamp) {
        let new = Reading(offset: sent + roundTrip / 2 - remote, roundTrip: roundTrip)
        readings.removeAll { old in
            let apart = max(old.offset - new.offset, new.offset - old.offset)
            return apart > (old.roundTrip + new.roundTrip) / 2 + RuntimeLimits.clockDrift
        }
        readings = (readings + [new]).suffix(RuntimeLimits.clockReadings)
    }
}
