/// A property that must hold for all input and was violated.
package struct BrokenProperty: Error, CustomStringConvertible {
    /// The expected property and the actual result.
    package let description: String
}

/// Checks a property.
///
/// - Throws: `BrokenProperty` with the message if it is violated.
func ensure(_ holds: Bool, _ words: @autoclosure () -> String) throws(BrokenProperty) {
    guard holds else { throw BrokenProperty(description: words()) }
}

/// Checks a text for the log or a terminal: not empty, a single line, and of bounded length.
///
/// - Throws: `BrokenProperty` otherwise.
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
