import ConfigReading
import ExporterCore

/// In-memory files; no other files are read.
struct StagedFiles: FileReading {
    let contents: [String: [UInt8]]

    func contents(of path: String, limit: Int) throws(FileReadingFailure) -> [UInt8] {
        guard let bytes = contents[path] else { throw FileReadingFailure("there is no such file") }
        guard bytes.count <= limit else { throw FileReadingFailure("it is larger than \(limit) bytes") }
        return bytes
    }

    func isReadableByOthers(_ path: String) -> Bool { true }
}
