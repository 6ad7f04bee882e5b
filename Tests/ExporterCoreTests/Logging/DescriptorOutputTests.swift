import ExporterCore
import Foundation
import Testing

@Suite("Writing log lines to a file descriptor")
struct DescriptorOutputTests {
    @Test(
        "Lines larger than a pipe's buffer arrive complete and in order, also on a non-blocking pipe",
        arguments: [true, false])
    func pipe(isNonBlocking: Bool) async throws {
        let pipe = Pipe()
        let writing = pipe.fileHandleForWriting.fileDescriptor
        if isNonBlocking { #expect(fcntl(writing, F_SETFL, O_NONBLOCK) == 0) }
        let output = DescriptorOutput(writing)
        let letters = Array("abcdefgh".utf8)
        let received = await withCheckedContinuation { continuation in
            // Separate threads, because writers that wait for the reader would exhaust the concurrency pool.
            Thread.detachNewThread {
                continuation.resume(returning: (try? pipe.fileHandleForReading.readToEnd()) ?? Data())
            }
            Thread.detachNewThread {
                DispatchQueue.concurrentPerform(iterations: letters.count) { index in
                    output.write([UInt8](repeating: letters[index], count: 200_000) + [UInt8(ascii: "\n")])
                }
                try? pipe.fileHandleForWriting.close()
            }
        }
        let lines = received.split(separator: UInt8(ascii: "\n"))
        #expect(lines.allSatisfy { line in line.count == 200_000 && line.allSatisfy { $0 == line.first } })
        #expect(lines.compactMap(\.first).sorted() == letters)
    }

    @Test("A write error loses only the line")
    func closed() throws {
        let pipe = Pipe()
        let output = DescriptorOutput(pipe.fileHandleForReading.fileDescriptor)
        output.write(Array("lost\n".utf8))
        try pipe.fileHandleForWriting.close()
        #expect(try pipe.fileHandleForReading.readToEnd() == nil)
    }
}
