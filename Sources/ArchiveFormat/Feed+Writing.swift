internal import MessagePack
internal import Telemetry

// A declaration as its value would be written: every sealed file and every opening of a segment has
// all of them, and a value of each field would be made for its bytes alone.

extension Feed {
    /// Writes ``Feed/value``.
    func write(to writer: inout MessagePackWriter) {
        writer.beginMap(6)
        writer.write("description")
        writer.write(description)
        writer.write("durable")
        writer.write(isDurable)
        writer.write("feed")
        writer.write(name)
        writer.write("fields")
        writer.beginArray(fields.count)
        for field in fields { field.write(to: &writer) }
        writer.write("lateness_ns")
        writer.write(lateness.nanoseconds)
        writer.write("period_ns")
        if let period { writer.write(period.nanoseconds) } else { writer.writeNull() }
    }
}

extension Field {
    /// Writes ``Field/value``.
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.beginMap(5)
        writer.write("description")
        writer.write(description)
        writer.write("limits")
        if let limits {
            writer.beginArray(2)
            writer.write(limits.lowerBound)
            writer.write(limits.upperBound)
        } else {
            writer.writeNull()
        }
        writer.write("name")
        writer.write(name)
        writer.write("type")
        writer.write(type.rawValue)
        writer.write("unit")
        if let unit { writer.write(unit.rawValue) } else { writer.writeNull() }
    }
}
