import CerroTesting
import Log
import Telemetry

/// A whole observatory on one thread and a clock of its own: what happens follows from the
/// schedule alone.
///
/// Logs, fetches, journals and sealers are the ones of the product. What a thread or a task of it
/// does by itself, the simulation does step by step, in an order drawn from the seed.
final class Simulation {
    let schedule: Schedule
    let time = SimulatedTime()
    private(set) var agents: [SimulatedAgent]
    private(set) var archives: [SimulatedArchive]
    private var network: SimulatedNetwork
    private var step = 0
    private var lastNumber: Int64 = 0
    var problems: [String] = []

    init(_ schedule: Schedule) {
        self.schedule = schedule
        let time = time
        agents = (0..<schedule.site.agents).map { SimulatedAgent($0, schedule, time) }
        archives = (0..<schedule.site.archives).map { SimulatedArchive($0, schedule, time) }
        network = SimulatedNetwork(schedule.site)
    }

    /// Runs the schedule, heals everything, and says what is wrong then.
    func run() async -> [String] {
        for agent in agents { agent.start() }
        for archive in archives { archive.start() }
        while step < schedule.site.steps {
            var random = SeededGenerator(
                seed: schedule.seed &* 6_364_136_223_846_793_005 &+ UInt64(step)
            )
            for entry in schedule.entries where entry.step == step {
                await happen(entry, &random)
            }
            await proceed(&random)
            step += 1
        }
        await heal()
        guard problems.isEmpty else { return problems }
        problems += await settle()
        guard problems.isEmpty else { return problems }
        judge("before sealing", isSealed: false)
        for (number, archive) in archives.enumerated() {
            do {
                try archive.sealAll()
            } catch {
                problems.append("archive \(number) cannot be sealed: \(error)")
            }
        }
        judge("when sealed", isSealed: true)
        return problems
    }

    /// What everybody noted on the way.
    var notes: String {
        (agents.flatMap(\.notes) + archives.flatMap(\.notes)).joined(separator: "\n")
    }

    /// What every instance published and how each record fared: it is the same for the same seed.
    var trace: [String] {
        agents.flatMap { agent in
            agent.published.map {
                "\(agent.name) \($0.number) \($0.admission.epoch):\($0.admission.position) "
                    + "\(String(describing: $0.returned)) \($0.isSynced)"
            }
        }
    }

    private func judge(_ when: String, isSealed: Bool) {
        for number in archives.indices {
            do {
                let reading = try ArchiveReading(archives[number].directory)
                let archive = archives[number]
                problems += Judgement(archive, agents, reading, isSealed: isSealed).problems
                    .map { "archive \(number), \(when): \($0)" }
            } catch {
                problems.append("archive \(number), \(when), cannot be read: \(error)")
            }
        }
    }

    /// Lets a little time pass, in which everybody does what they have to do.
    private func proceed(_ random: inout SeededGenerator) async {
        time.monotonic += .milliseconds([20, 100, 250, 600, 1000][random.below(5)])
        for agent in agents {
            if agent.heals ?? .max <= step {
                agent.heals = nil
                agent.disk.become(.fine)
            }
            if agent.connects ?? .max <= step { agent.connects = nil }
            if agent.wakes ?? .max <= step { agent.wakes = nil }
            if await !agent.isAlive(), agent.returns ?? 0 <= step {
                agent.returns = nil
                agent.start()
            }
            guard agent.wakes == nil else { continue }
            for _ in 0..<random.below(4) { publish(agent, &random) }
            if network.isHealed || random.below(4) > 0 { agent.work() }
        }
        for archive in archives {
            if archive.heals ?? .max <= step {
                archive.heals = nil
                archive.disk.become(.fine)
            }
            if archive.connects ?? .max <= step { archive.connects = nil }
            if archive.wakes ?? .max <= step { archive.wakes = nil }
            if !archive.isAlive(), archive.returns ?? 0 <= step {
                archive.returns = nil
                archive.start()
            }
        }
        for _ in 0...random.below(4) {
            time.monotonic += .milliseconds(15)
            exchange(&random)
        }
        for archive in archives where archive.wakes == nil { archive.work() }
        for agent in agents where agent.wakes == nil && random.below(2) == 0 { agent.work() }
        for agent in agents { _ = await agent.isAlive() }
    }

    private func publish(_ agent: SimulatedAgent, _ random: inout SeededGenerator) {
        guard !network.isHealed else { return }
        lastNumber += 1
        agent.publish(lastNumber, isDurable: random.below(6) == 0)
    }

    /// Sends what is due, and delivers what has arrived.
    private func exchange(_ random: inout SeededGenerator) {
        for (number, archive) in archives.enumerated()
        where archive.wakes == nil && archive.connects == nil {
            for (other, agent) in agents.enumerated() where agent.connects == nil {
                guard let request = archive.request(other, agent.name) else { continue }
                network.send(
                    request,
                    from: .archive(number),
                    to: .agent(other),
                    at: time.monotonic,
                    &random
                )
            }
        }
        let arrived = network.arrived(at: time.monotonic) { target in
            switch target {
            case .agent(let number): agents[number].wakes == nil
            case .archive(let number): archives[number].wakes == nil
            }
        }
        for message in arrived {
            guard let value = message.value else {
                problems.append("a message cannot be decoded")
                continue
            }
            switch (message.from, message.to) {
            case (.archive, .agent(let number)): answer(value, message, number, &random)
            case (.agent(let agent), .archive(let number)):
                guard archives[number].isAlive() else { continue }
                archives[number].take(value, of: agent, agents[agent].name)
            default: break
            }
        }
    }

    private func answer(
        _ value: Value,
        _ message: SimulatedNetwork.Message,
        _ number: Int,
        _ random: inout SeededGenerator
    ) {
        let agent = agents[number]
        guard let fetch = value["fetch"], let request = FetchRequest(fetch),
            let answer = agent.answer(request), agent.connects == nil
        else { return }
        network.send(
            [
                "id": value["id"] ?? .null, "archive": value["archive"] ?? .null,
                "answer": answer.value,
            ],
            from: message.to,
            to: message.from,
            at: time.monotonic,
            &random
        )
    }

    /// Ends all faults.
    private func heal() async {
        network.isHealed = true
        for agent in agents {
            _ = await agent.isAlive()
            agent.disk.become(.fine)
            (agent.heals, agent.connects, agent.wakes, agent.returns) = (nil, nil, nil, nil)
            agent.clock.set(time.now)
            agent.start()
        }
        for archive in archives {
            _ = archive.isAlive()
            archive.disk.become(.fine)
            (archive.heals, archive.connects) = (nil, nil)
            (archive.wakes, archive.returns) = (nil, nil)
            archive.clock.set(time.now)
            archive.start()
        }
    }

    /// Goes on until every archive has everything, also what ends the epochs.
    private func settle() async -> [String] {
        for _ in 0..<2 {
            var rounds = 0
            while !isSettled {
                rounds += 1
                // Damage at the end of an epoch is not seen before something stands behind it.
                if rounds == 300 { await restartAll() }
                guard rounds < 600 else {
                    return ["it does not come to an end: \(archives.map(\.notes))"]
                }
                var random = SeededGenerator(seed: UInt64(step))
                await proceed(&random)
                step += 1
            }
            await restartAll()
        }
        return []
    }

    private func restartAll() async {
        for agent in agents {
            await agent.close()
            agent.start()
            agent.work()
        }
    }

    private var isSettled: Bool {
        archives.allSatisfy { archive in
            agents.allSatisfy { agent in
                agent.newest.map { archive.hasAll(agent.name, of: $0) } ?? false
            }
        }
    }
}

extension Simulation {
    private func happen(_ entry: Schedule.Entry, _ random: inout SeededGenerator) async {
        switch entry.target {
        case .agent(let number): await happen(entry.fault, to: number, &random)
        case .archive(let number): happen(entry.fault, toArchive: number, &random)
        }
    }

    private func happen(
        _ fault: Fault,
        to number: Int,
        _ random: inout SeededGenerator
    ) async {
        let agent = agents[number]
        switch fault {
        case .kill(let away):
            await agent.kill()
            agent.returns = step + away
        case .close(let away):
            await agent.close()
            agent.returns = step + away
        case .die(let after, let away):
            agent.disk.become(.dies(after: after))
            agent.returns = step + away
        case .powerCut(let away):
            await agent.cutPower(&problems)
            agent.returns = step + away
        case .disk(let mood, let steps):
            agent.disk.become(mood)
            agent.heals = step + steps
            if mood == .unreadable { agent.excuse(.unreadable) }
        case .stall(let steps): agent.wakes = step + steps
        case .clock(let jump): agent.clock.set(instant(jump))
        case .backup: agent.takeBackup()
        case .rollBack(let away):
            await agent.rollBack()
            agent.returns = step + away
        case .bitFlip: agent.flipBit(&random)
        case .rot(let isCut, let away):
            if isCut {
                await agent.kill()
                agent.returns = step + away
            }
            agent.rot(isCut: isCut, &random)
        case .partition(let steps):
            agent.connects = step + steps
            network.cut(.agent(number))
        case .declare: agent.declare(isChanged: true)
        case .burst(let count): for _ in 0..<count { publish(agent, &random) }
        case .replace: break
        }
    }

    private func happen(
        _ fault: Fault,
        toArchive number: Int,
        _ random: inout SeededGenerator
    ) {
        let archive = archives[number]
        switch fault {
        case .kill(let away):
            archive.kill()
            archive.returns = step + away
        case .close(let away):
            archive.close()
            archive.returns = step + away
        case .die(let after, let away):
            archive.disk.become(.dies(after: after))
            archive.returns = step + away
        case .powerCut(let away):
            archive.cutPower()
            archive.returns = step + away
        case .rot(let isCut, let away):
            if isCut {
                archive.kill()
                archive.returns = step + away
            }
            archive.rot(isCut: isCut, &random)
        case .disk(let mood, let steps):
            archive.disk.become(mood)
            archive.heals = step + steps
        case .stall(let steps): archive.wakes = step + steps
        case .clock(let jump): archive.clock.set(instant(jump))
        case .partition(let steps):
            archive.connects = step + steps
            network.cut(.archive(number))
        case .replace:
            for agent in agents { agent.forget(archive.id) }
            network.cut(.archive(number))
            archive.kill()
            archives[number] = SimulatedArchive(number, schedule, time)
        case .backup, .rollBack, .bitFlip, .declare, .burst: break
        }
    }

    private func instant(_ jump: Fault.Jump) -> Timestamp {
        switch jump {
        case .right: time.now
        case .in1970: Timestamp(seconds: 1)
        case .in2100: Timestamp(seconds: 4_102_444_800)
        case .hourAhead: time.now + .seconds(3600)
        case .hourBehind: time.now - .seconds(3600)
        }
    }
}
