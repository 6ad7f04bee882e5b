import UsageModel
import Upstream

/// A moment that may be written as an empty text where there is none.
struct VeniceMoment: Decodable {
    let value: Timestamp?

    init(from decoder: any Decoder) throws {
        let text = try? decoder.singleValueContainer().decode(String.self)
        value = text?.isEmpty == true ? nil : try LenientTimestamp(from: decoder).value
    }
}
