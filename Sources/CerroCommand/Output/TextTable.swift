/// Rows of texts under headings, aligned for a terminal.
struct TextTable {
    /// On which side the cells of a column are filled up.
    enum Alignment {
        case left
        case right
    }

    private let headings: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    /// A table with columns; numbers read best `right`.
    init(_ columns: [(heading: String, alignment: Alignment)]) {
        headings = columns.map(\.heading)
        alignments = columns.map(\.alignment)
    }

    /// Adds a row of as many cells as there are columns.
    mutating func append(_ cells: [String]) {
        precondition(cells.count == headings.count, "a row has one cell for each column")
        rows.append(cells.map(Self.onOneLine))
    }

    /// Whether there is no row.
    var isEmpty: Bool { rows.isEmpty }

    /// The lines of the table; no line ends with blanks.
    var lines: [String] {
        let all = [headings] + rows
        var widths = headings.map { _ in 0 }
        for row in all {
            for (column, cell) in row.enumerated() {
                widths[column] = max(widths[column], Self.width(of: cell))
            }
        }
        return all.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                if column > 0 { line += "  " }
                let fill = String(repeating: " ", count: widths[column] - Self.width(of: cell))
                line += alignments[column] == .left ? cell + fill : fill + cell
            }
            let blanks = line.utf8.reversed().prefix { $0 == UInt8(ascii: " ") }.count
            line.removeLast(blanks)
            return line
        }
    }

    /// How many characters `text` has, which is on one line.
    ///
    /// Those of ASCII are counted without taking them apart, which tables of 100,000 rows notice.
    private static func width(of text: String) -> Int {
        text.utf8.allSatisfy { $0 < 0x80 } ? text.utf8.count : text.count
    }

    /// A text from afar may hold line breaks and escape sequences: a terminal must not obey them.
    static func onOneLine(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return text }
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            scalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
        }
        return String(scalars)
    }
}
