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
        if (try? frame.decodeIfPresent(LenientFlag.self, forKey: .success))?.value == false {
            throw SourceFailure(.decode, "the answer says `success: false`; figures were expected")
        }
        payload = frame.contains(.data) ? try frame.decode(Payload.self, forKey: .data) : try Payload(from: decoder)
    }

    /// The payload of a response.
    ///
    /// - Parameter remark: gets each field that could not be read and that no figure depends on.
    static func payload(of answer: UpstreamAnswer, remark: (String) -> Void = { _ in }) throws -> Payload {
        try JSONBody.decode(Self.self, from: answer, remark: remark).payload
    }
}
