import Foundation
import UsageModel

/// Reads a JSON answer into a type, and says in plain words where it does not fit.
package enum JSONBody {
    /// Reads the body of an answer.
    ///
    /// - Throws: `SourceFailure` with the reason `decode`: the path to what does not fit, what was expected and what
    ///   kind of value was found (`data.items[3].cost: expected a number, found text`), never the value itself.
    ///
    /// - Parameter remark: gets each decoration (``Decoration``) that could not be read, as path, expectation and kind.
    package static func decode<T: Decodable>(
        _ type: T.Type, from answer: UpstreamResponse, remark: (String) -> Void = { _ in }
    ) throws -> T {
        let remarks = DecodingRemarks()
        let value = try decode(type, from: answer, remarks)
        for text in remarks.all { remark("\(text); it is left out") }
        return value
    }

    private static func decode<T: Decodable>(
        _ type: T.Type, from answer: UpstreamResponse, _ remarks: DecodingRemarks
    ) throws -> T {
        guard !answer.body.isEmpty else {
            throw SourceFailure(.decode, "the answer is empty, expected JSON")
        }
        do {
            let decoder = JSONDecoder()
            if let key = DecodingRemarks.key { decoder.userInfo[key] = remarks }
            return try decoder.decode(type, from: Data(answer.body))
        } catch let error as DecodingError {
            // Looked for only now: a name that nobody reads may hold what it likes.
            guard String(validating: answer.body, as: UTF8.self) != nil else {
                throw SourceFailure(.decode, "the answer is not valid UTF-8, which JSON has to be")
            }
            throw SourceFailure(.decode, JSONMismatch.text(of: error))
        } catch let error as SourceFailure {
            throw error
        } catch {
            throw SourceFailure(.decode, "the answer does not have the form that the API documents")
        }
    }
}

/// What the lenient types say about a value: kinds of value, never the value.
struct JSONMismatch: Error {
    let expected: String
    let found: String

    /// A decoding error that `JSONBody` shows in these words.
    static func error(at path: [any CodingKey], expected: String, found: String) -> DecodingError {
        .dataCorrupted(
            .init(
                codingPath: path, debugDescription: "expected \(expected), found \(found)",
                underlyingError: JSONMismatch(expected: expected, found: found)))
    }

    /// A decoding error in plain words.
    static func text(of error: DecodingError) -> String {
        switch error {
        case .typeMismatch(let type, let context):
            let found = found(in: context.debugDescription)
            return "\(path(context.codingPath)): expected \(name(of: type))" + (found.map { ", found \($0)" } ?? "")
        case .valueNotFound(let type, let context):
            return "\(path(context.codingPath)): expected \(name(of: type)), found null"
        case .keyNotFound(let key, let context):
            return "\(path(context.codingPath + [key])): missing"
        case .dataCorrupted(let context):
            if let mismatch = context.underlyingError as? JSONMismatch {
                return "\(path(context.codingPath)): expected \(mismatch.expected), found \(mismatch.found)"
            }
            guard context.codingPath.isEmpty else {
                return "\(path(context.codingPath)): the value does not have the form that the API documents"
            }
            return "the answer is not valid JSON, or nested too deeply"
        @unknown default:
            return "the answer does not have the form that the API documents"
        }
    }

    /// `data.items[3].cost`; the document itself where the path is empty.
    static func path(_ keys: [any CodingKey]) -> String {
        var text = ""
        for key in keys {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + shown(key.stringValue)
            }
        }
        return text.isEmpty ? "the document" : text
    }

    /// A key that the answer chose (a model's or a user's name as a key) stays short and on one line.
    private static func shown(_ key: String) -> String {
        let visible = key.unicodeScalars.filter {
            $0.properties.generalCategory != .control && $0.properties.generalCategory != .format
        }
        return String(String.UnicodeScalarView(visible.prefix(64)))
    }

    private static func name(of type: Any.Type) -> String {
        switch type {
        case is String.Type: "text"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type, is Decimal.Type: "a number"
        case is any CollectionOfPairs.Type: "an object"
        case is any Collection.Type: "a list"
        default: "an object"
        }
    }

    /// The kind of value that Foundation's description of a type mismatch ends with (`… but found a string instead.`).
    private static func found(in description: String) -> String? {
        guard let start = description.range(of: "but found ") else { return nil }
        let rest = description[start.upperBound...].lowercased()
        let kinds = [
            ("string", "text"), ("dictionary", "an object"), ("array", "a list"), ("bool", "true or false"),
            ("number", "a number"), ("null", "null"),
        ]
        return kinds.first { rest.hasPrefix($0.0) || rest.hasPrefix("a \($0.0)") || rest.hasPrefix("an \($0.0)") }?.1
    }
}

/// Dictionaries: an object in JSON, unlike other collections.
private protocol CollectionOfPairs {}

extension Dictionary: CollectionOfPairs {}
