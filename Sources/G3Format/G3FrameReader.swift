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

    /// Fills a buffer from a byte of the file on, and returns how many bytes were there.
    public typealias Read = (UnsafeMutableRawBufferPointer, _ offset: Int) throws -> Int

    /// Where the next frame begins, in bytes; the end of the last whole one when nothing follows.
    public private(set) var offset: Int
    private let size: Int
    private var window: G3Window
    private var isAtEnd = false

    /// A reader from byte `offset` on, where a frame begins, of a file of `size` bytes; `read`
    /// gives fewer bytes than asked for where the file is shorter by now.
    public init(size: Int, from offset: Int = 0, read: @escaping Read) {
        self.size = size
        self.offset = offset
        window = G3Window(size: size, read: read)
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

    private mutating func frame(at place: Int) throws(G3Failure) -> G3Frame {
        var wanted = 1
        while true {
            let bytes: UnsafeRawBufferPointer
            do {
                bytes = try window.bytes(from: place, atLeast: wanted)
            } catch {
                throw .reading(error)
            }
            do throws(G3Error) {
                return try G3Frame.read(bytes, at: place)
            } catch {
                guard error.reason == .cutOff, place + bytes.count < size,
                    bytes.count >= wanted, bytes.count < G3Limits.frame
                else { throw .frame(error) }
                wanted = max(bytes.count + 1, min(G3Limits.window, size - place))
                if bytes.count >= G3Limits.window { wanted = bytes.count * 2 }
            }
        }
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
        let little: [UInt8] = [1, 1, 0, 0, 0], big: [UInt8] = [0, 0, 0, 0, 1]
        let head = 13
        var place = start
        while place + head <= size {
            let bytes = try window.bytes(from: place, atLeast: head)
            guard bytes.count >= head else { return nil }
            for index in 0...(bytes.count - head) where bytes[index] <= 1 {
                let beginning = bytes[index..<(index + 5)]
                let type = bytes[(index + 9)..<(index + head)]
                if beginning.elementsEqual(little) && type.elementsEqual([0x48, 0, 0, 0])
                    || beginning.elementsEqual(big) && type.elementsEqual([0, 0, 0, 0x48])
                {
                    return place + index
                }
            }
            place += bytes.count - head + 1
        }
        return nil
    }
}

/// The part of a file that is in memory.
private final class G3Window {
    private let size: Int
    private let read: G3FrameReader.Read
    private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    /// What of the file the buffer holds.
    private var held = 0..<0

    init(size: Int, read: @escaping G3FrameReader.Read) {
        self.size = size
        self.read = read
    }

    deinit { buffer.deallocate() }

    /// What is in memory from `place` on, after it was made `count` bytes or more where the file
    /// has them; it stands until the next call.
    func bytes(from place: Int, atLeast count: Int) throws -> UnsafeRawBufferPointer {
        if place < held.lowerBound || min(size, place + count) > held.upperBound {
            let wanted = min(max(count, G3Limits.window), max(0, size - place))
            if wanted > buffer.count {
                buffer.deallocate()
                buffer = .allocate(byteCount: wanted, alignment: 8)
            }
            held = place..<place
            let there = try read(UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), place)
            held = place..<(place + there)
        }
        guard place <= held.upperBound else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let range = (place - held.lowerBound)..<held.count
        return UnsafeRawBufferPointer(rebasing: buffer[range])
    }
}
