internal import SiteConfig
internal import Telemetry

/// The faults that follow from how instances stand.
enum HostFaults {
    static func of(_ standings: [Standing], stateProblem: String?) -> [Fault] {
        let now = Timestamp(nanoseconds: 0)
        var faults = standings.compactMap { standing -> Fault? in
            let name = standing.instance
            let (id, text): (String, String)
            if !standing.canStart, standing.phase == .waiting {
                id = "instance.unstartable"
                text = "\(name) cannot be started: \(standing.reason)"
            } else if standing.phase == .failed {
                id = "instance.unstartable"
                text = "\(name) stays down, its settings are wrong: it \(standing.reason)"
            } else if standing.failures >= Limits.faultyEnds {
                id = "instance.dying"
                text =
                    "\(name) \(standing.reason). It ended \(standing.failures) times in a row: "
                    + "`cerro logs \(name)` shows more, `cerro host stop \(name)` ends the tries"
            } else {
                return nil
            }
            return Fault(id: id, severity: .error, since: now, text: text, subject: name)
        }
        if let stateProblem {
            faults.append(
                Fault(
                    id: "state.unwritable",
                    severity: .warning,
                    since: now,
                    text: "which instances run cannot be remembered, and the next manager would "
                        + "look for them by their arguments only: \(stateProblem)"
                )
            )
        }
        return faults
    }
}

extension Standing {
    /// Whether the other one tells the same.
    func isLike(_ other: Standing) -> Bool {
        phase == other.phase && process == other.process && reason == other.reason
    }

    /// One row of the feed `instances`.
    func block(at time: Timestamp) -> Block {
        Block(
            timestamps: [time],
            columns: [
                Column(.strings([instance])), Column(.strings([phase.rawValue])),
                Column(.ints([process])), Column(.ints([Int64(restarts)])),
                Column(.strings([reason])),
            ]
        )
    }
}
