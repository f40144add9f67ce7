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
        let widths = headings.indices.map { column in
            all.map { $0[column].count }.max() ?? 0
        }
        return all.map { row in
            let cells = row.indices.map { column in
                let fill = String(repeating: " ", count: widths[column] - row[column].count)
                return alignments[column] == .left ? row[column] + fill : fill + row[column]
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// A text from afar may hold line breaks and escape sequences: a terminal must not obey them.
    static func onOneLine(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            scalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
        }
        return String(scalars)
    }
}
