import UsageModel

/// Generates realistic traffic: the events of an hour are a pure function of (seed, account, hour).
///
/// Uses only addition and multiplication of `Double`, so that every machine generates the same events.
package struct TrafficGenerator: Sendable {
    /// The first hour of the traffic.
    package let start: Timestamp

    private let seed: UInt64
    private let profile: TrafficProfile
    private let wholeShare: Double

    /// Traffic of an account from the hour that contains `start`.
    package init(seed: UInt64, account: String, profile: TrafficProfile, start: Timestamp) {
        self.start = start.startOfHour
        self.profile = profile
        self.seed = account.utf8.reduce(SplitMix64.mixed(seed)) { SplitMix64.mixed($0 ^ UInt64($1)) }
        wholeShare = profile.models.reduce(0) { $0 + $1.share }
    }

    /// The events of the UTC hour that contains `time`, in order of time.
    package func events(inHourOf time: Timestamp) -> [UsageEvent] {
        let hour = time.startOfHour
        let index = hour.milliseconds / 3_600_000
        var random = SplitMix64(seed: SplitMix64.mixed(seed ^ UInt64(bitPattern: index)))
        let load = profile.requestsPerHour * rhythm(at: hour)
        var events: [UsageEvent] = []
        for model in profile.models where wholeShare > 0 {
            let expected = load * model.share / wholeShare * model.demand.factor(at: hour) * (0.8 + 0.4 * random.unit())
            let failureRate = model.failureRate * model.failures.factor(at: hour)
            // The fraction becomes the probability of one more request, so that rare models appear at all.
            let count = Int(expected + random.unit())
            for _ in 0..<count { events.append(event(of: model, in: hour, failureRate, &random)) }
        }
        return events.sorted { $0.time < $1.time }
    }

    private func rhythm(at hour: Timestamp) -> Double {
        let hourOfDay = Int((hour.milliseconds - hour.day.start.milliseconds) / 3_600_000)
        let weekday = hour.day.weekday
        let daily = profile.dailyRhythm.indices.contains(hourOfDay) ? profile.dailyRhythm[hourOfDay] : 1
        let weekly = profile.weeklyRhythm.indices.contains(weekday) ? profile.weeklyRhythm[weekday] : 1
        return daily * weekly
    }

    private func event(
        of model: TrafficProfile.Model, in hour: Timestamp, _ failureRate: Double, _ random: inout SplitMix64
    ) -> UsageEvent {
        let time = Timestamp(milliseconds: hour.milliseconds + Int64(random.below(3_600_000)))
        let units = model.units.isEmpty ? 1 : model.units[random.below(model.units.count)]
        let succeeded = random.unit() >= failureRate
        let latest = random.unit() < profile.lateShare ? profile.lateness : .minutes(1)
        let delay = Int64(random.unit() * Double(latest.wholeMilliseconds))
        return UsageEvent(
            time: time, model: model.id, modality: model.modality, unitPrice: model.unitPrice,
            cost: succeeded ? model.unitPrice * units : .zero, succeeded: succeeded,
            visibleFrom: Timestamp(milliseconds: time.milliseconds + delay))
    }
}

/// Describes an account's traffic.
package struct TrafficProfile: Sendable, Hashable {
    /// Requests per hour, averaged over a week, before any model's trend.
    package let requestsPerHour: Double
    /// Load of each hour of a UTC day, from 0:00, relative to their average; 24 numbers.
    package let dailyRhythm: [Double]
    /// Load of each day of the week, from Monday, relative to their average; 7 numbers.
    package let weeklyRhythm: [Double]
    package let models: [Model]
    /// The share (0–1) of requests that the provider publishes late, by up to `lateness`; the others within a minute.
    package let lateShare: Double
    /// Maximum publication delay of a request.
    package let lateness: Duration

    /// One model's share of the traffic.
    package struct Model: Sendable, Hashable {
        /// The provider's model id.
        package let id: String
        /// Kind of output.
        package let modality: String
        /// List price in USD.
        package let unitPrice: ExactDecimal
        /// Units per request, all equally frequent: `[1, 1, 2]` charges a third of them double.
        package let units: [Int]
        /// The share of the account's requests, relative to the other models'.
        package let share: Double
        /// Trend of its requests.
        package let demand: Trend
        /// The share (0–1) of its requests that fail; they cost nothing.
        package let failureRate: Double
        /// Trend of its failure rate.
        package let failures: Trend

        package init(
            _ id: String, modality: String, unitPrice: ExactDecimal, units: [Int] = [1], share: Double,
            demand: Trend = .steady, failureRate: Double = 0.01, failures: Trend = .steady
        ) {
            self.id = id
            self.modality = modality
            self.unitPrice = unitPrice
            self.units = units
            self.share = share
            self.demand = demand
            self.failureRate = failureRate
            self.failures = failures
        }
    }

    /// Change of a value over the weeks.
    package enum Trend: Sendable, Hashable {
        /// Constant.
        case steady
        /// Grows linearly to `to` times its value within `days`, then starts over. Counted from the Unix epoch, so that
        /// every run has the same history.
        case climbing(to: Double, days: Int)

        /// The multiplier at a given time, rounded down to the hour.
        func factor(at time: Timestamp) -> Double {
            guard case .climbing(let peak, let days) = self, days > 0 else { return 1 }
            let hours = Int64(days) * 24
            let hour = time.startOfHour.milliseconds / 3_600_000
            let passed = ((hour % hours) + hours) % hours
            return 1 + (peak - 1) * Double(passed) / Double(hours)
        }
    }

    /// Defaults to the load of a team that works European and American office hours.
    package init(
        requestsPerHour: Double, dailyRhythm: [Double] = officeHours, weeklyRhythm: [Double] = workingWeek,
        models: [Model], lateShare: Double = 0.02, lateness: Duration = .hours(2)
    ) {
        self.requestsPerHour = requestsPerHour
        self.dailyRhythm = dailyRhythm
        self.weeklyRhythm = weeklyRhythm
        self.models = models
        self.lateShare = lateShare
        self.lateness = lateness
    }

    /// The same traffic with `factor` times the requests.
    package func scaled(by factor: Double) -> TrafficProfile {
        TrafficProfile(
            requestsPerHour: requestsPerHour * factor, dailyRhythm: dailyRhythm, weeklyRhythm: weeklyRhythm,
            models: models, lateShare: lateShare, lateness: lateness)
    }

    /// Low at night, two peaks by day (UTC).
    package static let officeHours: [Double] = [
        0.35, 0.25, 0.2, 0.2, 0.25, 0.4, 0.7, 1.1, 1.5, 1.7, 1.7, 1.5, 1.4, 1.6, 1.9, 1.9, 1.7, 1.4, 1.1, 0.9, 0.8, 0.7,
        0.5, 0.4,
    ]

    /// Five working days and a slow weekend.
    package static let workingWeek: [Double] = [1.1, 1.2, 1.25, 1.2, 1.05, 0.55, 0.65]
}

/// The SplitMix64 generator (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): one seed, one
/// sequence, on every machine.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    /// A number from 0 (inclusive) to 1 (exclusive) in steps of 2⁻⁵³.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// An integer below the bound, by multiplication; its bias (below 2⁻⁴⁰ for the bounds used here) is negligible.
    mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

    /// Spreads a number over all 64 bits, so that neighbouring seeds give unrelated sequences.
    static func mixed(_ number: UInt64) -> UInt64 {
        var bits = number
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}
