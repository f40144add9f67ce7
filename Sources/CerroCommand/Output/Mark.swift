/// How something is, at the beginning of a line: a coloured sign on a terminal, else a word.
struct Mark {
    /// The sign, one character wide.
    let sign: String
    /// The word where nobody looks at a terminal.
    let word: String
    /// What the sign's colour means.
    let colour: Console.Colour

    /// The width of every word.
    private static let wordWidth = 7

    /// The mark as it is shown.
    func text(on console: Console) -> String {
        console.usesColour
            ? console.coloured(sign, colour)
            : word + String(repeating: " ", count: max(Self.wordWidth - word.count, 0))
    }

    /// How many columns of the terminal it takes.
    func width(on console: Console) -> Int { console.usesColour ? 1 : Self.wordWidth }
}
