import NIOCore
import NIOEmbedded
import Testing

@testable import InstrumentAgents

@Suite("A line connection tells why it has no answer")
struct LineHandlerTests {
    // Goal: the reason that somebody reads at 4 a.m. is the one that the dialogue found.
    // Method: a question on a channel to which something had happened before.
    private func failure(
        after event: (EmbeddedChannel) throws -> Void
    ) throws -> LineDialogue.Failure? {
        let channel = EmbeddedChannel(handler: LineHandler())
        try event(channel)
        let reply = channel.eventLoop.makePromise(of: String.self)
        channel.writeAndFlush(LineRequest(text: "*IDN?\r\n", reply: reply), promise: nil)
        let error = #expect(throws: LineDialogue.Failure.self) { try reply.futureResult.wait() }
        _ = try? channel.finish()
        return error
    }

    @Test("a connection that was taken away, half a line, and another question are told apart")
    func reasons() throws {
        let closed = try failure { $0.pipeline.fireChannelInactive() }
        #expect(closed == .closed)
        let unasked = try failure { try $0.writeInbound(ByteBuffer(string: "+1.5")) }
        #expect(unasked == .unasked)
        let busy = try failure { channel in
            let reply = channel.eventLoop.makePromise(of: String.self)
            channel.writeAndFlush(LineRequest(text: "RDGK? 1\r\n", reply: reply), promise: nil)
        }
        #expect(busy == .busy)
    }
}
