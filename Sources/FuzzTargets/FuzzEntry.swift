internal import Glibc

/// The target that the variable `FUZZ_TARGET` names, looked up once.
private let chosen: FuzzTarget = {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    let known = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    let target = FuzzTarget(rawValue: name)
    precondition(target != nil, "FUZZ_TARGET is `\(name)`; expected one of \(known)")
    return target ?? .chunk
}()

/// What libFuzzer calls with bytes; see `deploy/fuzz`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    chosen.run(UnsafeRawBufferPointer(start: data, count: count))
    return 0
}
