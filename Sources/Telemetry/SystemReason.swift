internal import Glibc

/// What the kernel says of a call that failed, without the words of the packages in between.
public enum SystemReason {
    /// The reason in an error's text: `Connection refused (errno 111)` of a text that names
    /// `(errno: 111)` somewhere, as those of NIO do; a text that names none, as it is.
    public static func found(in text: String) -> String {
        guard let mark = text.ranges(of: "(errno: ").last,
            let code = CInt(text[mark.upperBound...].prefix { $0.isASCII && $0.isNumber })
        else { return text }
        return "\(String(cString: strerror(code))) (errno \(code))"
    }
}
