import Crypto
import Foundation

/// Limits names chosen by an API (models, keys, plans) to a length suitable for labels.
///
/// A name is a label of many series and is repeated in every scrape: five thousand series with names of 100 kB are a
/// response of 500 MB.
package enum LongName {
    /// The longest unchanged name in bytes of UTF-8. Mimir, Cortex and Thanos reject values past 2,048.
    package static let longest = 1024

    /// Returns the name, truncated to `longest` bytes if necessary. A truncated name ends in `…` and 16 hexadecimal digits
    /// of its hash, so that different names stay different.
    package static func bounded(_ name: String) -> String {
        guard name.utf8.count > longest else { return name }
        let digits = SHA256.hash(data: Data(name.utf8)).prefix(8).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        let end = "…" + digits.joined()
        var cut = name.utf8.index(name.utf8.startIndex, offsetBy: longest - end.utf8.count)
        while cut.samePosition(in: name.unicodeScalars) == nil { cut = name.utf8.index(before: cut) }
        return name[..<cut] + end
    }
}

extension String {
    /// Returns the text without leading and trailing white space.
    func trimmingWhitespace() -> Substring {
        var text = self[...]
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}
