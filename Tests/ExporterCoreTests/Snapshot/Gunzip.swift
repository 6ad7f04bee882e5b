import Foundation
import TestSupport
import Testing

/// Decompresses a body with gzip.
func gunzipped(_ bytes: [UInt8]) throws -> [UInt8] {
    let gzip = try Tool(named: "gzip", installation: "apt-get install gzip")
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gz-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(bytes).write(to: folder)
    let result = gzip.process(["-dc", folder.path])
    let output = Pipe()
    result.standardOutput = output
    try result.run()
    let inflated = output.fileHandleForReading.readDataToEndOfFile()
    result.waitUntilExit()
    #expect(result.terminationStatus == 0)
    return Array(inflated)
}
