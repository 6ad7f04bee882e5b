import UsageModel
import Upstream

/// An answer that comes bare or inside `{"success": true, "data": …}`: the documentation shows both, and endpoints
/// were seen to change from one to the other.
struct CheapestInferenceEnvelope<Payload: Decodable>: Decodable {
    let payload: Payload

    private enum CodingKeys: String, CodingKey {
        case success, data
    }

    init(from decoder: any Decoder) throws {
        guard let frame = try? decoder.container(keyedBy: CodingKeys.self) else {
            payload = try Payload(from: decoder)
            return
        }
        // HTTP 200 with `success: false` holds no figures. What it says beside is for people and may quote a key.
        if (try? frame.decodeIfPresent(CheapestInferenceFlag.self, forKey: .success))?.value == false {
            throw SourceFailure(.decode, "the answer says `success: false`; figures were expected")
        }
        payload = frame.contains(.data) ? try frame.decode(Payload.self, forKey: .data) : try Payload(from: decoder)
    }

    /// The payload of an answer.
    static func payload(of answer: UpstreamAnswer) throws -> Payload {
        try JSONBody.decode(Self.self, from: answer).payload
    }
}

/// `true` or `false`, also as text or as 1 and 0.
struct CheapestInferenceFlag: Decodable {
    let value: Bool

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            value = flag
            return
        }
        let text = try LenientString(from: decoder).value.lowercased()
        switch text {
        case "true", "1": value = true
        case "false", "0": value = false
        default: throw SourceFailure(.decode, "a flag is neither true nor false")
        }
    }
}
