import Foundation

/// The result of a round, as the driver reads it.
struct Median: Encodable {
    /// The median, in seconds.
    let seconds: Double

    init(of seconds: [Double]) {
        let sorted = seconds.sorted()
        self.seconds = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }

    /// Writes it to standard output as one line of JSON.
    func print() throws {
        Swift.print(String(decoding: try JSONEncoder().encode(self), as: UTF8.self))
    }
}
