import UsageModel

extension VeniceBillingStore {
    /// What `disturb` does.
    public struct Disturbance: Sendable, Hashable {
        /// The number of charges that are posted now.
        public var late: Int
        /// The number of charges that are raised, lowered or taken back.
        public var revised: Int
        /// The oldest of all these charges.
        public var age: Duration

        /// Charges posted late and revised.
        public init(late: Int, revised: Int, age: Duration) {
            self.late = late
            self.revised = revised
            self.age = age
        }
    }

    /// Posts charges late and revises others both ways, the same ones for the same seed and store.
    public func disturb(_ disturbance: Disturbance, now: Timestamp, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let known = charges(from: now - disturbance.age)
        for number in 0..<disturbance.late {
            let age = random.below(max(1, Int(disturbance.age.wholeMilliseconds)))
            var charge = VeniceCharge(
                id: "late-\(seed)-\(number)", time: now - .milliseconds(age), model: "late-model",
                work: .images(1 + random.below(4)), unitPrice: ExactDecimal(micros: 1000 + random.below(90_000)))
            charge.keyID = known.isEmpty ? nil : known[random.below(known.count)].charge.keyID
            charge.visibleFrom = now
            add(charge)
        }
        guard !known.isEmpty else { return }
        for _ in 0..<disturbance.revised {
            let (id, charge) = known[random.below(known.count)]
            var revised = charge
            switch random.below(3) {
            case 0: revised.unitPrice = charge.unitPrice * 2
            case 1: revised.unitPrice = ExactDecimal(micros: 10)
            default:
                replace(id, by: nil)
                continue
            }
            replace(id, by: revised)
        }
    }
}
