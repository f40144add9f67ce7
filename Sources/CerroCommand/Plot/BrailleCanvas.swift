/// A drawing of dots, two beside and four below each other in every character.
struct BrailleCanvas {
    /// Its size in characters.
    let width: Int, height: Int
    /// The dots of lines and of shades of each character, and whose they are.
    private var lines: [UInt8], shades: [UInt8]
    private var owners: [Int]
    /// Characters that stand in the place of dots.
    private var letters: [Int: Character] = [:]

    /// Dots from side to side, and from top to bottom.
    var dotWidth: Int { width * 2 }
    var dotHeight: Int { height * 4 }

    init(width: Int, height: Int) {
        self.width = width
        self.height = height
        lines = .init(repeating: 0, count: width * height)
        shades = lines
        owners = .init(repeating: 0, count: width * height)
    }

    /// A character and whose it is; `isFaint` where only a shade is drawn.
    struct Cell: Hashable {
        let character: Character
        let owner: Int
        let isFaint: Bool
    }

    /// The characters of one row, from the left.
    func cells(ofRow row: Int) -> [Cell] {
        (0..<width).map { column in
            let index = row * width + column
            if let letter = letters[index] {
                return Cell(character: letter, owner: owners[index], isFaint: false)
            }
            let dots = lines[index] | shades[index]
            guard dots != 0, let scalar = Unicode.Scalar(0x2800 + UInt32(dots)) else {
                return Cell(character: " ", owner: 0, isFaint: false)
            }
            return Cell(
                character: Character(scalar),
                owner: owners[index],
                isFaint: lines[index] == 0
            )
        }
    }

    /// A line from one dot to another; x from the left, y from the top.
    mutating func line(from start: (x: Int, y: Int), to end: (x: Int, y: Int), owner: Int) {
        let (width, height) = (end.x - start.x, end.y - start.y)
        let count = max(abs(width), abs(height))
        for step in 0...count {
            let part = count == 0 ? 0 : Double(step) / Double(count)
            set(
                x: start.x + Int((Double(width) * part).rounded()),
                y: start.y + Int((Double(height) * part).rounded()),
                owner: owner
            )
        }
    }

    /// A shade from one dot to another below it: every second dot, and both ends.
    mutating func shade(x: Int, from top: Int, to bottom: Int, owner: Int) {
        guard top < bottom else { return }
        for y in top...bottom where y == top || y == bottom || (x + y) % 2 == 0 {
            guard let (index, bit) = place(x, y) else { continue }
            shades[index] |= bit
            if lines[index] == 0 { owners[index] = owner }
        }
    }

    /// A letter in the character that holds a dot.
    mutating func letter(_ letter: Character, x: Int, y: Int, owner: Int) {
        guard let (index, _) = place(x, y) else { return }
        letters[index] = letter
        owners[index] = owner
    }

    private mutating func set(x: Int, y: Int, owner: Int) {
        guard let (index, bit) = place(x, y) else { return }
        lines[index] |= bit
        owners[index] = owner
    }

    /// The character and the bit of a dot.
    ///
    /// Source: The Unicode Standard 15.0, section 21.1, "Braille Patterns".
    private func place(_ x: Int, _ y: Int) -> (Int, UInt8)? {
        guard (0..<dotWidth).contains(x), (0..<dotHeight).contains(y) else { return nil }
        let bit: UInt8 =
            y % 4 == 3 ? (x % 2 == 0 ? 0x40 : 0x80) : (x % 2 == 0 ? 0x01 : 0x08) << UInt8(y % 4)
        return (y / 4 * width + x / 2, bit)
    }
}
