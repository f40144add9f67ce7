import Telemetry
import Testing

@Suite("What the kernel said")
struct SystemReasonTests {
    @Test(
        "the reason of a call is told alone, and a text without one as it is",
        arguments: [
            (
                "Connection errors: SingleConnectionFailure(target: [IPv4]127.0.0.1:1, error: "
                    + "connection reset (error set): Connection refused) (errno: 111))",
                "Connection refused (errno 111)"
            ),
            (
                "bind(descriptor:ptr:bytes:): Address already in use) (errno: 98)",
                "Address already in use (errno 98)"
            ),
            ("first (errno: 111), then (errno: 98)", "Address already in use (errno 98)"),
            ("no such host", "no such host"), ("cut off (errno: ", "cut off (errno: "),
        ]
    )
    func reasons(text: String, expected: String) {
        #expect(SystemReason.found(in: text) == expected)
    }
}
