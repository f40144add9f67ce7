import Telemetry
import Testing

@testable import CerroCommand

/// Names that nobody knows, as commands tell of them.
@Suite("names that nobody knows")
struct UnknownNameTests {
    private let known = ["cryo-1.temps.stage", "cryo-1.temps.still", "fake-1.counter.n"]
        .compactMap { FieldName($0) }

    @Test("an audit of an instance that nobody knows names the nearest")
    func audit() {
        let instances = Set(known.map(\.instance))
        #expect(AuditCommand.unknown("cryo-*", among: instances) == nil)
        let near = AuditCommand.unknown("cryo-2", among: instances)
        #expect(near == "no instance `cryo-2` is in the archive; did you mean cryo-1?")
        #expect(
            AuditCommand.unknown("x", among: instances)
                == "no instance `x` is in the archive; `cerro status` lists those that live"
        )
    }

    @Test("of several names each that no field has gets its sentence, with names of its kind")
    func fields() {
        let names = ["cryo-1", "cryo-1.temps", "fake-1.*", "crio-1", "cryo-1.temp", "x.*"]
        #expect(
            ReaderQuery.unknown(names, among: known) == [
                "no field `crio-1` has samples; did you mean cryo-1?",
                "no field `cryo-1.temp` has samples; did you mean cryo-1.temps?",
                "no field `x.*` has samples; `cerro fields` lists those that have",
            ]
        )
    }

    @Test("the reader says which names of a question about gaps nobody has")
    func gaps() {
        #expect(LedgerReport(["unknown": ["x"]]).unknown == ["x"])
        // One of the version before does not.
        #expect(LedgerReport(["gaps": []]).unknown == [])
    }
}
