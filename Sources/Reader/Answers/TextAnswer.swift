internal import Telemetry

/// An answer as bytes, in pieces that are made one after the other while the client takes them.
struct TextAnswer: Sendable {
    /// Appends one piece.
    typealias Piece = @Sendable (inout JSONWriter) -> Void

    /// What `Content-Type` says.
    let contentType: String
    /// The pieces in order, each of at most about ``ReaderLimits/valuesPerPiece`` values.
    let pieces: [Piece]

    /// Some bytes, and the piece that follows them; nil after the last.
    typealias Part = (bytes: [UInt8], next: Int?)

    /// As many pieces from `first` on as fill ``ReaderLimits/textPartBytes``.
    func part(from first: Int) -> Part {
        var writer = JSONWriter()
        var index = first
        while index < pieces.count, writer.bytes.count < ReaderLimits.textPartBytes {
            pieces[index](&writer)
            index += 1
        }
        return (writer.bytes, index < pieces.count ? index : nil)
    }
}

/// The forms in which samples are answered.
enum TextFormat: String, Sendable, CaseIterable {
    case json = "application/json"
    case csv = "text/csv"
    case ndjson = "application/x-ndjson"
    case arrow = "application/vnd.apache.arrow.stream"

    /// The form that a client's `Accept` wants most; JSON where it takes anything or says nothing.
    ///
    /// Nil if it takes none of them.
    init?(accept: String?) {
        guard let best = Accepted(accept).best(of: Self.allCases.map(\.rawValue)) else {
            return nil
        }
        self.init(rawValue: best)
    }
}

extension DataAnswer {
    /// The answer in one of the forms; the times of Arrow are always nanoseconds.
    func text(_ format: TextFormat, _ times: TimeForm) -> TextAnswer {
        switch format {
        case .json: TextAnswer(contentType: format.rawValue, pieces: jsonPieces(times))
        case .csv: TextAnswer(contentType: format.rawValue, pieces: csvPieces(times))
        case .ndjson: TextAnswer(contentType: format.rawValue, pieces: ndjsonPieces(times))
        case .arrow: TextAnswer(contentType: format.rawValue, pieces: arrowPieces)
        }
    }
}
