import UsageModel

/// Believable traffic out of nothing: the events of an hour are a pure function of (seed, account, hour).
///
/// Only additions and multiplications of `Double` are used, so that every machine makes the same events.
public struct TrafficGenerator: Sendable {
    /// The hour with which the traffic begins.
    public let start: Timestamp

    private let seed: UInt64
    private let profile: TrafficProfile
    private let wholeShare: Double

    /// Traffic of an account from the hour that holds `start`.
    public init(seed: UInt64, account: String, profile: TrafficProfile, start: Timestamp) {
        self.start = start.startOfHour
        self.profile = profile
        self.seed = account.utf8.reduce(SplitMix64.mixed(seed)) { SplitMix64.mixed($0 ^ UInt64($1)) }
        wholeShare = profile.models.reduce(0) { $0 + $1.share }
    }

    /// The events of the UTC hour that holds `moment`, in order of time.
    public func events(inHourOf moment: Timestamp) -> [UsageEvent] {
        let hour = moment.startOfHour
        let index = hour.milliseconds / 3_600_000
        var random = SplitMix64(seed: SplitMix64.mixed(seed ^ UInt64(bitPattern: index)))
        let load = profile.requestsPerHour * rhythm(at: hour)
        var events: [UsageEvent] = []
        for model in profile.models where wholeShare > 0 {
            let expected = load * model.share / wholeShare * model.demand.factor(at: hour) * (0.8 + 0.4 * random.unit())
            let failureRate = model.failureRate * model.failures.factor(at: hour)
            // The fraction becomes one more request as often as it should, so that rare models appear at all.
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
