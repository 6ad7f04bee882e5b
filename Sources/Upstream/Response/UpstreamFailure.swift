import Foundation
import UsageModel

/// A call that got no usable answer, after the retries.
package struct UpstreamFailure: ReasonedFailure, CustomStringConvertible {
    /// The reason, as `genai_syncs_total` counts it.
    package let reason: FailureReason
    /// The answer's HTTP status; nil where there was no answer.
    package let status: Int?
    /// The answer's header fields, secrets taken out; nil where there was no answer.
    package let headers: UpstreamHeaders?
    /// How long the API asked to wait (`Retry-After`), counted from the failure; nil where it said nothing.
    package let retryAfter: Duration?
    /// What the API itself said, at most 200 characters, secrets taken out; nil where it said nothing readable.
    package let apiMessage: String?
    /// What was wrong and what to check, in plain words; never a secret, never a body.
    package let message: String
    /// Whether the failure lasts until its cause is fixed; see ``ReasonedFailure/isLasting``.
    package let isLasting: Bool

    /// A failure; `isLasting` as its reason says where it is not given.
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

    /// The same failure with other words.
    package func rephrased(_ message: String) -> UpstreamFailure {
        UpstreamFailure(
            reason: reason, status: status, headers: headers, retryAfter: retryAfter, apiMessage: apiMessage,
            message: message, isLasting: isLasting)
    }

    /// The message.
    package var description: String { message }
}

/// What an API says in the body of an error answer.
///
/// APIs differ in where they put it: `{"message": "…"}`, `{"error": "…"}`, `{"error": {"message": "…"}}`,
/// `{"detail": "…"}`, `{"errors": [{"message": "…"}]}`.
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

    /// The most characters of an API's own words that are passed on.
    static let longestMessage = 200

    /// The API's own words on one line, without control characters and secrets; nil where there are none.
    static func message(in body: [UInt8], redaction: Redaction) -> String? {
        guard let text = (try? JSONDecoder().decode(ErrorBody.self, from: Data(body)))?.text else { return nil }
        let visible = text.unicodeScalars.filter { scalar in
            let category = scalar.properties.generalCategory
            return scalar.properties.isWhitespace || (category != .control && category != .format)
        }
        let words = String(String.UnicodeScalarView(visible)).split(whereSeparator: \.isWhitespace)
        // Secrets go out of the whole text: once it is cut at 200 characters, a part of one would not be found.
        let line = redaction.applied(to: words.joined(separator: " "))
        guard !line.isEmpty else { return nil }
        return line.count > longestMessage ? line.prefix(longestMessage - 1) + "…" : line
    }
}
