import Foundation
import UsageModel

/// A call without a usable response, after all retries.
package struct UpstreamFailure: ReasonedFailure, CustomStringConvertible {
    package let reason: FailureReason
    /// The HTTP status; nil if there was no response.
    package let status: Int?
    /// The header fields, with secrets redacted; nil if there was no response.
    package let headers: UpstreamHeaders?
    /// The wait of `Retry-After`, from the time of the failure; nil if there was none.
    package let retryAfter: Duration?
    /// The API's own error message, at most 200 characters, with secrets redacted; nil if there is none.
    package let apiMessage: String?
    /// The problem and what to check; never contains a secret or a body.
    package let message: String
    /// Whether the failure lasts until its cause is fixed; see ``ReasonedFailure/isLasting``.
    package let isLasting: Bool

    /// Creates a failure; `isLasting` defaults to that of the reason.
    package init(
        reason: FailureReason, status: Int? = nil, headers: UpstreamHeaders? = nil, retryAfter: Duration? = nil,
        apiMessage: String? = nil, message: String, isLasting: Bool? = nil
    ) {
        self.reason = reason
        self.status = status
        self.headers = headers
        self.retryAfter = retryAfter
        self.apiMessage = apiMessage
        self.message = message
        self.isLasting = isLasting ?? reason.isLasting
    }

    /// Returns the same failure with another message.
    package func rephrased(_ message: String) -> UpstreamFailure {
        UpstreamFailure(
            reason: reason, status: status, headers: headers, retryAfter: retryAfter, apiMessage: apiMessage,
            message: message, isLasting: isLasting)
    }

    package var description: String { message }
}

/// The message in the body of an error response.
///
/// Supports the forms `{"message": "…"}`, `{"error": "…"}`, `{"error": {"message": "…"}}`, `{"detail": "…"}` and
/// `{"errors": [{"message": "…"}]}`.
struct ErrorBody: Decodable {
    let text: String?

    private enum CodingKeys: String, CodingKey {
        case message, error, detail, errors
    }

    init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            self.text = text
            return
        }
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        for key in [CodingKeys.message, .error, .detail] {
            if let text = (try? fields.decode(ErrorBody.self, forKey: key))?.text, !text.isEmpty {
                self.text = text
                return
            }
        }
        text = (try? fields.decode([ErrorBody].self, forKey: .errors))?.first?.text
    }

    /// The maximum length of a reported message in characters.
    static let longestMessage = 200

    /// Returns the message on one line, without control characters and secrets; nil if there is none.
    static func message(in body: [UInt8], redaction: Redaction) -> String? {
        guard let text = (try? JSONDecoder().decode(ErrorBody.self, from: Data(body)))?.text else { return nil }
        let visible = text.unicodeScalars.filter { scalar in
            let category = scalar.properties.generalCategory
            return scalar.properties.isWhitespace || (category != .control && category != .format)
        }
        let words = String(String.UnicodeScalarView(visible)).split(whereSeparator: \.isWhitespace)
        // Redact before truncating: a truncated secret would not be found.
        let line = redaction.applied(to: words.joined(separator: " "))
        guard !line.isEmpty else { return nil }
        return line.count > longestMessage ? line.prefix(longestMessage - 1) + "…" : line
    }
}
