import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

@Suite("damage that was found is looked at again, until it is gone")
struct DamageOrderTests {
    // Goal: a file that was put right is not told of for hours, because chance chose others.
    @Test("as many looks as there are files see each of them once", arguments: 0..<8)
    func turns(right: Int) throws {
        let small = try SmallArchive()
        let whole = try small.bytes(try small.sealed()[0].path)
        var damaged = whole
        damaged[9] ^= 1
        var table = DamageTable()
        let paths = (0..<8).map { "2026/11/21/05000\($0)-00000000000000000000000\($0).cerro" }
        for (number, path) in paths.enumerated() {
            try small.put(number == right ? whole : damaged, at: path, asNewFile: true)
            table.note("its head is damaged", in: path)
        }
        // From wherever the turn is.
        for _ in 0..<3 { _ = table.lookAgain(small.directory) }
        table.note("its head is damaged", in: paths[right])
        let found = paths.compactMap { _ in table.lookAgain(small.directory) }
        #expect(found == [paths[right]])
        #expect(table.problems.count == 7)
    }
}
