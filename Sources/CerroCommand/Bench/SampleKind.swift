internal import Foundation
internal import Telemetry

/// What the values of a field look like.
///
/// Each is a quantity that observatories record; together they should leave no encoding alone.
enum SampleKind: Hashable, Sendable {
    /// A slow walk with noise of two digits, rounded: a thermometer.
    case thermometer(base: Double, digits: Int)
    /// A normal distribution with all 53 bits: a computed double.
    case noise(mean: Double, deviation: Double)
    /// A slow walk of the logarithm, with so many significant digits: a gauge.
    case gauge(base: Double, digits: Int)
    /// Constant, with a few changes a day.
    case setpoint
    /// Counts up by about so much a row, with a reset now and then.
    case counter(step: Int64)
    /// Counts up by what a Poisson process of this mean would, about: bytes of a network.
    case traffic(mean: Double)
    /// Mostly true.
    case flag(failing: Double)
    /// One of few texts, with so many changes a day.
    case state(changes: Double)
    /// A random walk of all 53 bits.
    case walk
    /// A random walk with the 24 bits of a Float32.
    case narrowWalk
    /// A converter of 15 bits over 10 V.
    case converter
    /// A telescope axis on a sinusoid, to 0.0001 degree.
    case axis
    /// A random walk of whole multiples: free bytes in pages.
    case pages(size: Int64)
    /// Any 64 bits.
    case random
    /// A thermometer of which a part is NaN.
    case broken(fraction: Double)
    /// A thermometer of which a part is missing.
    case missing(fraction: Double)
    /// Seldom a line of text, most rows have none.
    case remarks(fraction: Double)
    /// A text that never comes again.
    case identifier

    /// The type of its field.
    var type: FieldType {
        switch self {
        case .counter, .traffic, .pages, .random: .int
        case .flag: .bool
        case .state, .remarks, .identifier: .string
        default: .double
        }
    }
}

/// The values of one field, row after row; equal seeds give equal values.
struct SampleColumn {
    private static let states = [
        "idle", "running", "warming up", "cooling down", "fault: over-temperature", "",
    ]
    private static let day = 86_400.0

    let kind: SampleKind
    private var random: SeededRandom
    /// Where a walk stands, and where a count began.
    private var level = 0.0, origin: Int64 = 0
    private var step: Int64 = 1

    init(_ kind: SampleKind, seed: UInt64) {
        self.kind = kind
        random = SeededRandom(seed)
        switch kind {
        case .setpoint: level = 1
        case .counter(let step): self.step = Int64(random.below(UInt64(2 * step))) + 1
        case .state: level = Double(random.below(UInt64(Self.states.count)))
        case .pages: level = 1e6
        default: break
        }
    }

    /// The values of the rows with these numbers, one a second.
    mutating func next(_ ticks: [Int64]) -> Column {
        switch kind.type {
        case .double: doubles(ticks)
        case .int: .ints(ticks.map { integer($0) })
        case .bool: .bools(ticks.map { _ in flag() })
        case .string: texts(ticks)
        }
    }

    private mutating func doubles(_ ticks: [Int64]) -> Column {
        guard case .missing(let fraction) = kind else {
            return .doubles(ticks.map { number($0) })
        }
        return .doubles(
            ticks.map { tick in
                let value = number(tick)
                return random.unit() < fraction ? nil : value
            }
        )
    }

    private mutating func texts(_ ticks: [Int64]) -> Column {
        switch kind {
        case .remarks(let fraction):
            return .strings(
                ticks.map { tick in
                    guard random.unit() < fraction else { return nil }
                    return
                        "row \(tick): stage \(random.below(12)) was slow by \(random.below(900)) ms"
                }
            )
        case .identifier: return .strings(ticks.map { "\($0)-\(String(random.next(), radix: 36))" })
        case .state(let changes):
            return .strings(
                ticks.map { _ in
                    if random.unit() < changes / Self.day { level += 1 }
                    return Self.states[Int(level) % Self.states.count]
                }
            )
        default: return .strings(ticks.map { _ in "" })
        }
    }

    private mutating func flag() -> Bool {
        guard case .flag(let failing) = kind else { return true }
        return random.unit() >= failing
    }

    private mutating func integer(_ tick: Int64) -> Int64 {
        switch kind {
        case .counter:
            let count = tick * step + Int64(random.below(9))
            if random.unit() < 2 / Self.day { origin = count }
            return count - origin
        case .traffic(let mean):
            origin += Int64(max(0, mean + random.normal() * mean.squareRoot()))
            return origin
        case .pages(let size):
            level += (random.normal() * 20).rounded()
            return Int64(level) * size
        default: return Int64(bitPattern: random.next())
        }
    }

    private mutating func number(_ tick: Int64) -> Double {
        switch kind {
        case .thermometer(let base, let digits): return thermometer(base, digits)
        case .missing: return thermometer(4.2, 3)
        case .broken(let fraction):
            let value = thermometer(77, 2)
            return random.unit() < fraction ? .nan : value
        case .noise(let mean, let deviation): return mean + random.normal() * deviation
        case .gauge(let base, let digits): return gauge(base, digits)
        case .setpoint:
            if random.unit() < 4 / Self.day { level += random.normal() * 0.1 }
            return (level * 100).rounded() / 100
        case .walk:
            level += random.normal()
            return level
        case .narrowWalk:
            level += random.normal() * 0.01
            return Double(Float(20 + level))
        case .converter:
            level += random.normal() * 3
            return (level + random.normal() * 2).rounded() * 10 / 32_768
        default:
            let angle = 180 + 30 * sin(Double(tick) / 600)
            return (angle * 1e4).rounded() / 1e4
        }
    }

    private mutating func thermometer(_ base: Double, _ digits: Int) -> Double {
        let power = pow(10, Double(digits))
        level += random.normal() / power
        return ((base + level + random.normal() * 2 / power) * power).rounded() / power
    }

    private mutating func gauge(_ base: Double, _ digits: Int) -> Double {
        level += random.normal() * 1e-3
        let value = base * exp(level)
        let power = pow(10, Double(digits - 1) - log10(value).rounded(.down))
        return (value * power).rounded() / power
    }
}
