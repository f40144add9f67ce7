/// Reads the frames of a file one after the other, over damage where there is any.
///
/// A file has neither header nor index, and a frame no length and no mark: behind damage every
/// place is tried that looks like the beginning of a housekeeping frame, and counts if its checksum
/// is right.
public struct G3FrameReader {
    /// What stands at one place.
    public enum Item: Hashable, Sendable {
        /// A whole frame.
        case frame(G3Frame)
        /// Bytes that are none, up to the next frame or the end.
        case damage(Range<Int>, G3Error)
    }

    /// Where the next frame begins, in bytes; the end of the last whole one when nothing follows.
    public private(set) var offset: Int
    private let size: Int
    private let read: (Range<Int>) throws -> [UInt8]
    private var window: [UInt8] = []
    private var windowStart = 0

    /// A reader from byte `offset` on, where a frame begins, of a file of `size` bytes; `read`
    /// gives the bytes of a range, fewer where the file is shorter by now.
    public init(size: Int, from offset: Int = 0, read: @escaping (Range<Int>) throws -> [UInt8]) {
        self.size = size
        self.offset = offset
        self.read = read
    }

    /// The next frame, or the damage before it; nil at the end.
    ///
    /// What is cut off at the end is damage of the reason ``G3Error/Reason/cutOff``, after which
    /// ``offset`` stays where it begins: a file that grows may be read on from there.
    ///
    /// - Throws: what `read` throws.
    public mutating func next() throws -> Item? {
        guard offset < size else { return nil }
        do throws(G3Failure) {
            let frame = try frame(at: offset)
            offset = frame.range.upperBound
            return .frame(frame)
        } catch {
            switch error {
            case .reading(let reason): throw reason
            case .frame(let error): return try damage(error)
            }
        }
    }

    private enum G3Failure: Error {
        case frame(G3Error)
        case reading(any Error)
    }

    private var isAtEnd = false

    private mutating func frame(at place: Int) throws(G3Failure) -> G3Frame {
        var wanted = G3Limits.window
        while true {
            do {
                try load(place, wanted)
            } catch {
                throw .reading(error)
            }
            let bytes = window[(place - windowStart)...]
            do throws(G3Error) {
                return try G3Frame.read(bytes, at: place)
            } catch {
                guard error.reason == .cutOff, place + bytes.count < size,
                    bytes.count < G3Limits.frame
                else { throw .frame(error) }
                wanted = bytes.count * 2
            }
        }
    }

    /// Makes the window hold what is there of `count` bytes from `place` on.
    private mutating func load(_ place: Int, _ count: Int) throws {
        let end = min(size, place + count)
        guard place < windowStart || end > windowStart + window.count else { return }
        window = try read(place..<end)
        windowStart = place
    }

    /// Goes to the next frame behind an error; nil when the end of the damage was told before.
    private mutating func damage(_ error: G3Error) throws -> Item? {
        guard !isAtEnd else { return nil }
        let start = offset
        var place = start + 1
        while let candidate = try candidate(from: place) {
            do throws(G3Failure) {
                _ = try frame(at: candidate)
                offset = candidate
                return .damage(start..<candidate, error)
            } catch {
                if case .reading(let reason) = error { throw reason }
                place = candidate + 1
            }
        }
        isAtEnd = true
        return .damage(start..<size, error)
    }

    /// The next place where byte order, version and type are those of a housekeeping frame.
    private mutating func candidate(from start: Int) throws -> Int? {
        let pattern: [UInt8] = [1, 1, 0, 0, 0]
        let type: [UInt8] = [0x48, 0, 0, 0]
        var place = start
        while place + 13 <= size {
            try load(place, G3Limits.window)
            let bytes = window[(place - windowStart)...]
            guard bytes.count >= 13 else { return nil }
            for index in bytes.indices.dropLast(12)
            where bytes[index] == 1 && bytes[(index + 9)..<(index + 13)].elementsEqual(type)
                && bytes[index..<(index + 5)].elementsEqual(pattern)
            {
                return windowStart + index
            }
            place = windowStart + bytes.endIndex - 12
        }
        return nil
    }
}
