import UsageModel

/// Charges made of a generator's events: a pure function of the events, so the same in every run.
public struct VeniceTraffic: Sendable {
    /// The hour with which the traffic begins.
    public var start: Timestamp { generator.start }

    private let generator: TrafficGenerator
    private let keyIDs: [String?]

    /// Traffic of an account with these keys; nil stands for the web app. Models of the modality `text` are charged by
    /// tokens, all others by image.
    public init(generator: TrafficGenerator, keyIDs: [String?]) {
        self.generator = generator
        self.keyIDs = keyIDs
    }

    func charges(inHourOf moment: Timestamp) -> [VeniceCharge] {
        generator.events(inHourOf: moment).filter(\.succeeded).enumerated().map { index, event in
            var random = SplitMix64(
                seed: SplitMix64.mixed(UInt64(bitPattern: event.time.milliseconds)) ^ UInt64(index))
            let isText = event.modality == "text"
            let prompt = 150 + random.below(4000)
            let cached = random.below(3) == 0 ? prompt / 2 : 0
            let completion = 40 + random.below(1200)
            var charge = VeniceCharge(
                id: "chatcmpl-\(event.time.milliseconds)-\(index)", time: event.time, model: event.model,
                work: isText ? .tokens(prompt: prompt, cached: cached, completion: completion) : .images(1),
                unitPrice: event.unitPrice)
            // The daily DIEM is used up first, then what the plan includes, then money.
            charge.currency = ["DIEM", "DIEM", "BUNDLED_CREDITS", "USD", "USD", "USD", "USD"][random.below(7)]
            charge.keyID = keyIDs.isEmpty ? nil : keyIDs[random.below(keyIDs.count)]
            charge.milliseconds = isText ? 300 + completion * 9 + random.below(800) : 2500 + random.below(9000)
            charge.searchesWeb = isText && random.below(12) == 0
            charge.visibleFrom = event.visibleFrom
            return charge
        }
    }
}
