import Foundation
import TestSupport
import Testing

/// Sends alerts through a real Alertmanager with the repository's templates to local receivers.
@Suite(.timeLimit(.minutes(5))) struct MessagesTests {
    private func python(_ script: String, _ arguments: String...) throws -> (status: Int32, output: String) {
        try Tool(named: "python3", installation: "apt-get install python3").run(
            ["\(Repository.programs)/\(script)"] + arguments)
    }

    @Test("each message says what happened, where, since when and what to do, and escapes foreign names")
    func rendering() async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await aside { try python("message_rendering.py", folder) }
            #expect(outcome.status == 0, "\(outcome.output)")
        }
    }

    @Test("the daily digest has the figures of /metrics when it arrives in the chat and by mail")
    func digest() async throws {
        try await withTemporaryFolder { folder in
            let demo = try await ExporterProcess.start(["demo", "--storage.path", folder + "/data"])
            try await demo.waitUntilReady()
            let outcome = try await aside {
                try python("digest_figures.py", "http://\(demo.address)/metrics", folder)
            }
            #expect(outcome.status == 0, "\(outcome.output)")
            demo.signal(SIGTERM)
            #expect(try await demo.waitForExit() == 0)
        }
    }
}
