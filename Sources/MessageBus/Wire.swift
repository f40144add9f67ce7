public import MessagePack
public import Telemetry

/// The version of requests and replies.
public enum Wire {
    /// What is written.
    public static let version: Int64 = 1
    /// What is read: this version and the one before it.
    public static let readable: ClosedRange<Int64> = 1...1

    /// The id in bytes that begin as a request or reply of any version does, whatever follows; nil
    /// where they begin otherwise.
    ///
    /// So whoever cannot read a message can still say so to the one who waits for an answer.
    public static func id(of bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        var reader = MessagePackReader(bytes)
        guard reader?.array() != nil, reader?.int() != nil, let id = reader?.bytes(),
            id.count == BusLimits.idLength
        else { return nil }
        return Array(id)
    }
}

/// Why bytes are no request or reply.
public enum WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// More bytes than are allowed.
    case tooLong(byteCount: Int, limit: Int)
    /// No MessagePack, or not in the form of its version.
    case malformed(String)
    /// A version that this one does not speak.
    case version(Int64)

    /// What was found, and what was expected.
    public var description: String {
        switch self {
        case .tooLong(let byteCount, let limit):
            "a message of \(byteCount) bytes; \(limit) are possible"
        case .malformed(let what): "no message of wire version \(Wire.version): \(what)"
        case .version(let version):
            "wire version \(version) is not spoken here, version "
                + Wire.readable.map(String.init).joined(separator: " or ")
                + " is: install the same release of Cerro at both ends"
        }
    }
}

/// For whom something is asked, as who asks says: `[name, token, address]`.
///
/// It is believed only where there is nothing better: without keys, or from an instance that
/// vouches for others.
public struct Asker: Hashable, Sendable {
    /// What the asker is called.
    public var name: String
    /// The id of the token of HTTP that was shown; nil for none.
    public var token: String?
    /// The address that it came from; nil where that is the sender's own.
    public var address: String?

    /// An asker.
    public init(name: String, token: String? = nil, address: String? = nil) {
        self.name = name
        self.token = token
        self.address = address
    }
}

/// What somebody asks of an instance: `[version, id, action, target, target_epoch, expiry,
/// arguments, asker]`; parts behind them, which a later release may add, are passed over.
public struct Request: Hashable, Sendable {
    /// Sixteen random bytes; whoever asks again for the same thing uses them again.
    public var id: [UInt8]
    /// What is to be done: `start`, `status`, `fetch`.
    public var action: String
    /// The instance that is meant.
    public var target: String
    /// The epoch of the target that is meant; 0 where it is not known, which only actions without
    /// effect allow.
    public var targetEpoch: Int64
    /// After which instant of the target's clock nothing is to be done any more; nil for never.
    public var expiry: Timestamp?
    /// What the action needs to know.
    public var arguments: Value
    /// For whom it is asked; nil where the sender says nothing.
    public var asker: Asker?

    /// A request.
    public init(
        id: [UInt8] = RequestID.random(),
        action: String,
        target: String,
        targetEpoch: Int64 = 0,
        expiry: Timestamp? = nil,
        arguments: Value = .null,
        asker: Asker? = nil
    ) {
        self.id = id
        self.action = action
        self.target = target
        self.targetEpoch = targetEpoch
        self.expiry = expiry
        self.arguments = arguments
        self.asker = asker
    }

    /// The bytes on the wire.
    public var bytes: [UInt8] {
        var writer = MessagePackWriter()
        writer.beginArray(asker == nil ? 7 : 8)
        writer.write(Wire.version)
        id.withUnsafeBytes { writer.write(bytes: $0) }
        writer.write(action)
        writer.write(target)
        writer.write(targetEpoch)
        if let expiry { writer.write(expiry.nanoseconds) } else { writer.writeNull() }
        writer.write(arguments)
        if let asker {
            writer.beginArray(3)
            writer.write(asker.name)
            if let token = asker.token { writer.write(token) } else { writer.writeNull() }
            if let address = asker.address { writer.write(address) } else { writer.writeNull() }
        }
        return writer.bytes
    }

    /// Reads a request; the arguments of actions in `undecoded` are `.bytes`, as they stand.
    ///
    /// - Throws: ``WireError``; never traps, whatever the bytes are.
    public init(
        bytes: UnsafeRawBufferPointer,
        undecoded: Set<String> = []
    ) throws(WireError) {
        let limit = BusLimits.longestRequest
        guard bytes.count <= limit else { throw .tooLong(byteCount: bytes.count, limit: limit) }
        guard var reader = MessagePackReader(bytes), let found = reader.array(), found >= 2,
            let version = reader.int(), let id = reader.bytes(), id.count == BusLimits.idLength
        else { throw Wire.noBeginning }
        try Wire.check(version: version, parts: found)
        guard let action = reader.name(), let target = reader.name(),
            let targetEpoch = reader.int(),
            case let expiry = reader.int(), expiry != nil || reader.null()
        else { throw Self.malformed }
        self.init(
            id: Array(id),
            action: action,
            target: target,
            targetEpoch: targetEpoch,
            expiry: expiry.map(Timestamp.init(nanoseconds:))
        )
        do {
            arguments =
                undecoded.contains(action)
                ? .bytes(Array(try reader.item())) : try reader.value()
            if found > 7 { asker = try Asker(&reader) }
            for _ in stride(from: 8, to: found, by: 1) { _ = try reader.item() }
        } catch let error as WireError {
            throw error
        } catch MessagePackError.invalidText {
            throw Self.malformed
        } catch {
            throw .malformed("\(error)")
        }
        guard reader.isAtEnd else { throw .malformed("bytes follow its last part") }
    }

    private static let malformed = WireError.malformed(
        "a request is [version, id, action, target, target_epoch, expiry, arguments]"
    )
}

/// What became of a request: `[version, id, code, text, result, clock, epoch]`; parts behind them
/// are passed over.
public struct Reply: Hashable, Sendable {
    /// The id of the request.
    public var id: [UInt8]
    /// What became of it.
    public var code: ReplyCode
    /// The same for people; empty where nothing needs saying.
    public var text: String
    /// What was asked for; null where nothing was.
    public var result: Value
    /// The wall clock of the instance that answers.
    public var clock: Timestamp
    /// The epoch of the instance that answers.
    public var epoch: Int64

    /// A reply.
    public init(
        id: [UInt8],
        code: ReplyCode,
        text: String = "",
        result: Value = .null,
        clock: Timestamp,
        epoch: Int64
    ) {
        self.id = id
        self.code = code
        self.text = text
        self.result = result
        self.clock = clock
        self.epoch = epoch
    }

    /// The bytes on the wire; a text beyond ``BusLimits/longestText`` is cut.
    public var bytes: [UInt8] { heapBytes.withBytes { Array($0) } }

    /// The same, to be handed on without a copy.
    var heapBytes: HeapBytes {
        heapBytes(with: LongResult(byteCount: result.longestMessagePack) { $0.write(result) })
    }

    /// The bytes of this reply, but with another result.
    func heapBytes(with result: LongResult) -> HeapBytes {
        let text = cut(text)
        var writer = MessagePackWriter(
            capacity: result.byteCount + text.utf8.count + BusLimits.replyOverhead
        )
        writer.beginArray(7)
        writer.write(Wire.version)
        id.withUnsafeBytes { writer.write(bytes: $0) }
        writer.write(code.rawValue)
        writer.write(text)
        result.write(&writer)
        writer.write(clock.nanoseconds)
        writer.write(epoch)
        return writer.take()
    }

    /// Reads a reply; a code of a version to come is read as ``ReplyCode/internal``, and named in
    /// the text.
    ///
    /// The result of a request that was done is what `read` makes of it where it stands; it gives
    /// nil for one that is malformed.
    ///
    /// - Throws: ``WireError``; never traps, whatever the bytes are.
    public init(
        bytes: UnsafeRawBufferPointer,
        reading read: (MessagePackView) -> Value? = \.value
    ) throws(WireError) {
        self = try decode(bytes) { view throws(WireError) in
            let id = try identifier(view)
            guard isName(view[2].utf8), let code = view[2].string, let text = view[3].string,
                let result = code == ReplyCode.ok.rawValue ? read(view[4]) : view[4].value,
                let clock = view[5].int, let epoch = view[6].int
            else {
                throw .malformed("a reply is [version, id, code, text, result, clock, epoch]")
            }
            let known = ReplyCode(rawValue: code)
            return Reply(
                id: id,
                code: known ?? .internal,
                text: known == nil
                    ? "code \(code), which this version does not know: \(text)" : text,
                result: result,
                clock: Timestamp(nanoseconds: clock),
                epoch: epoch
            )
        }
    }
}

/// The ids of requests.
public enum RequestID {
    /// Sixteen random bytes.
    public static func random() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return withUnsafeBytes(of: (generator.next() as UInt64, generator.next() as UInt64)) {
            Array($0)
        }
    }
}

private func decode<Result>(
    _ bytes: UnsafeRawBufferPointer,
    _ read: (MessagePackView) throws(WireError) -> Result
) throws(WireError) -> Result {
    let limit = BusLimits.longestMessage
    guard bytes.count <= limit else { throw .tooLong(byteCount: bytes.count, limit: limit) }
    let limits = MessagePackLimits(items: BusLimits.replyItems)
    do {
        return try withMessagePack(bytes, limits: limits) { try read($0) }
    } catch let error as WireError {
        throw error
    } catch {
        throw .malformed("\(error)")
    }
}

extension Asker {
    /// Reads an asker; nil where null stands in its place.
    fileprivate init?(_ reader: inout MessagePackReader) throws(WireError) {
        if reader.null() { return nil }
        guard reader.array() == 3, let name = reader.name(),
            case let token = reader.name(), token != nil || reader.null(),
            case let address = reader.name(), address != nil || reader.null()
        else { throw .malformed("an asker is [name, token, address]") }
        self.init(name: name, token: token, address: address)
    }
}

/// The id of a reply whose version is spoken here.
private func identifier(_ view: MessagePackView) throws(WireError) -> [UInt8] {
    guard let found = view.arrayCount, found >= 2, let version = view[0].int,
        let id = view[1].bytes, id.count == BusLimits.idLength
    else { throw Wire.noBeginning }
    try Wire.check(version: version, parts: found)
    return Array(id)
}

extension Wire {
    fileprivate static let noBeginning = WireError.malformed(
        "an array that begins with version and id is expected"
    )

    fileprivate static func check(version: Int64, parts: Int) throws(WireError) {
        guard readable.contains(version) else { throw .version(version) }
        guard parts >= 7 else { throw .malformed("\(parts) parts, expected 7") }
    }
}

private func isName(_ utf8: UnsafeRawBufferPointer?) -> Bool {
    utf8.map { (1...BusLimits.longestName).contains($0.count) } ?? false
}

extension MessagePackReader {
    fileprivate mutating func name() -> String? {
        var ahead = self
        return isName(ahead.utf8()) ? text() : nil
    }
}

private func cut(_ text: String) -> String {
    guard text.utf8.count > BusLimits.longestText else { return text }
    var end = text.utf8.index(text.startIndex, offsetBy: BusLimits.longestText)
    while end.samePosition(in: text) == nil { end = text.utf8.index(before: end) }
    return String(text[..<end])
}
