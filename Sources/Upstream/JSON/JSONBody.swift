import Foundation
import UsageModel

/// Decodes JSON responses, and reports mismatches with their path.
package enum JSONBody {
    /// Decodes the body of a response.
    ///
    /// - Parameter remark: called for each decoration (``Decoration``) that could not be decoded, with its path and the
    ///   expected and found kinds of value.
    /// - Throws: `SourceFailure` with the reason `decode`, the request, the path and the expected and found kinds of value
    ///   (`GET /v1/costs: data.items[3].cost: expected a number, found text`), never the value itself.
    package static func decode<T: Decodable>(
        _ type: T.Type, from response: UpstreamResponse, remark: (String) -> Void = { _ in }
    ) throws -> T {
        let remarks = DecodingRemarks()
        let value: T
        do {
            value = try decode(type, from: response, remarks)
        } catch {
            throw response.failure(failure(of: error))
        }
        for text in remarks.all { remark("\(text); the field is ignored") }
        return value
    }

    private static func decode<T: Decodable>(
        _ type: T.Type, from response: UpstreamResponse, _ remarks: DecodingRemarks
    ) throws -> T {
        guard !response.body.isEmpty else {
            throw SourceFailure(.decode, "the response is empty, expected JSON")
        }
        do {
            let decoder = JSONDecoder()
            if let key = DecodingRemarks.key { decoder.userInfo[key] = remarks }
            return try decoder.decode(type, from: Data(response.body))
        } catch let error as DecodingError {
            // Checked only after a failure, because invalid text in unused fields is accepted.
            throw isUTF8(response) ? error : notUTF8
        }
    }

    /// Checks that a body is UTF-8, for a type that decodes parts separately: invalid text would otherwise fail one part.
    ///
    /// - Throws: `SourceFailure` with the reason `decode` and the request.
    package static func checkEncoding(of response: UpstreamResponse) throws {
        guard isUTF8(response) else { throw response.failure(notUTF8) }
    }

    private static func isUTF8(_ response: UpstreamResponse) -> Bool {
        String(validating: response.body, as: UTF8.self) != nil
    }

    private static let notUTF8 = SourceFailure(.decode, "the response is not valid UTF-8, which JSON requires")

    /// Returns the failure of a part of a document, for a type that decodes parts separately so that one that is invalid
    /// does not affect the others.
    package static func failure(of error: any Error) -> SourceFailure {
        switch error {
        case let error as DecodingError: SourceFailure(.decode, JSONMismatch.text(of: error))
        case let failure as SourceFailure: failure
        default: SourceFailure(.decode, "the response does not match the API's documentation")
        }
    }
}

/// The mismatch that a type with its own decoding reports: the expected and found kinds of value, never the value.
package struct JSONMismatch: Error {
    let expected: String
    let found: String

    /// Creates a decoding error that `JSONBody` formats with these texts.
    package static func error(at path: [any CodingKey], expected: String, found: String) -> DecodingError {
        .dataCorrupted(
            .init(
                codingPath: path, debugDescription: "expected \(expected), found \(found)",
                underlyingError: JSONMismatch(expected: expected, found: found)))
    }

    /// Formats a decoding error.
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
                return "\(path(context.codingPath)): the value does not match the API's documentation"
            }
            return "the response is not valid JSON, or nested too deeply"
        @unknown default:
            return "the response does not match the API's documentation"
        }
    }

    /// Formats a path: `data.items[3].cost`, or `the document` if it is empty.
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

    /// Shortens a key to one line, because keys may be chosen by the API (names of models or users).
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

    /// Extracts the kind of value from Foundation's description of a type mismatch (`… but found a string instead.`).
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

/// Marks dictionaries, which are objects in JSON, unlike other collections.
private protocol CollectionOfPairs {}

extension Dictionary: CollectionOfPairs {}
