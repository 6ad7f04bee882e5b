import Crypto
import Foundation

/// Holds names that an API chose (models, keys, plans) to a length that labels can have.
///
/// A name becomes a label of many series, and each of them stands in every scrape: five thousand series under names of
/// 100 kB are a page of 500 MB.
package enum LongName {
    /// The longest name in bytes of UTF-8 that is kept as it is. Mimir, Cortex and Thanos refuse values past 2,048.
    package static let longest = 1024

    /// The name itself, or where it is longer its beginning, `…` and 16 hexadecimal digits that stand for the whole, so
    /// that different names stay different; together at most `longest` bytes.
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
    /// The text without white space at either end.
    func trimmingWhitespace() -> Substring {
        var text = self[...]
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}
