/// What should hold for all bytes from outside, and did not for these.
package struct BrokenProperty: Error, CustomStringConvertible {
    /// What should have held, and what was found instead.
    package let description: String
}

/// Checks something that must hold.
///
/// - Throws: `BrokenProperty` with the words where it does not.
func ensure(_ holds: Bool, _ words: @autoclosure () -> String) throws(BrokenProperty) {
    guard holds else { throw BrokenProperty(description: words()) }
}

/// Checks a text that goes to the log or to a terminal: there is something in it, on one line, of bounded length.
///
/// - Throws: `BrokenProperty` where it is not so.
func ensure(line: String) throws(BrokenProperty) {
    try ensure(!line.isEmpty, "a message is empty")
    try ensure(line.unicodeScalars.count < 2000, "a message has \(line.unicodeScalars.count) characters: \(line)")
    let isOneLine = line.unicodeScalars.allSatisfy {
        !$0.properties.isWhitespace || $0 == " " || $0.properties.generalCategory == .spaceSeparator
    }
    try ensure(isOneLine, "a message has more than one line: \(line.debugDescription)")
    let isVisible = line.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    try ensure(isVisible, "a message holds a control character: \(line.debugDescription)")
}
