internal import SiteConfig

// Following what the site file says: at the beginning, and when it changes.

extension HostCrew {
    /// Takes over what an earlier manager has left running, and starts the registry if it is here:
    /// without it nobody, and not the manager either, gets a lease.
    ///
    /// Everything else is started by ``run()``, once the manager has its own.
    func begin(_ plan: HostPlan) {
        var processes: [[String]: ProcessIdentity] = [:]
        if let file = surroundings.stateFile {
            do { written = try HostState(path: file) } catch {
                surroundings.report(.unremembered(reason: "\(error)"))
            }
            processes = ProcessIdentity.running()
        }
        let state = written
        for entry in plan.entries {
            let before = state.instances[entry.id]
            var member = Member(entry: entry)
            member.wanted = before?.wanted
            if let process = before?.process {
                member.take(process, hash: before?.hash ?? "", at: time)
            }
            if member.child == nil, let process = processes[entry.program.arguments] {
                member.take(process, hash: entry.hash, at: time)
            }
            add(member)
        }
        for (id, before) in state.instances.sorted(by: { $0.key < $1.key })
        where members[id] == nil && !plan.ignored.contains(id) {
            guard let process = before.process else { continue }
            var member = Member(entry: HostPlan.Entry(left: id, of: plan), hasLeft: true)
            member.take(process, hash: before.hash, at: time)
            if member.child != nil { add(member) }
        }
        for id in order {
            guard let child = members[id]?.child else { continue }
            surroundings.report(.takenOver(id, process: child.pid))
            keepByHand(id)
        }
        if let registry = members[Site.registryID], registry.isMeant { want(Site.registryID, true) }
        save()
    }

    /// Follows another plan: what did not change is not touched.
    ///
    /// - Returns: what changed, by instance.
    func follow(_ plan: HostPlan) -> HostChanges {
        var changes = HostChanges()
        let ids = Set(plan.entries.map(\.id))
        for entry in plan.entries {
            guard let before = members[entry.id], !before.hasLeft else {
                // One that left and comes back before it has ended begins anew when it has.
                if members[entry.id] == nil { add(Member(entry: entry)) }
                members[entry.id]?.entry = entry
                members[entry.id]?.hasLeft = false
                changes.added.append(entry.id)
                continue
            }
            members[entry.id]?.entry = entry
            if entry.manage == .manual, before.entry.manage == .keep { keepByHand(entry.id) }
            guard before.entry.hash != entry.hash else {
                changes.untouched += 1
                continue
            }
            changes.changed.append(entry.id)
            // What failed by the settings before is tried at once.
            if before.child == nil, before.life.isWanted { want(entry.id, true) }
        }
        for id in order where !ids.contains(id) && members[id]?.hasLeft == false {
            changes.removed.append(id)
            let isGone = members[id]?.child == nil || plan.ignored.contains(id)
            if isGone { members[id] = nil } else { members[id]?.hasLeft = true }
        }
        order = plan.entries.map(\.id) + order.filter { !ids.contains($0) && members[$0] != nil }
        settle()
        save()
        // What has left without a process changes nothing else that would tell of it.
        tell()
        return changes
    }
}
