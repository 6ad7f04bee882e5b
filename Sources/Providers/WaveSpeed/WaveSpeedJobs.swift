import Upstream
import UsageModel

/// The hours of the list of jobs that were read. A value type, stored as JSON.
///
/// An hour is read until it has ended 20 minutes ago and all its jobs are finished, because a finished job does not
/// change.
struct WaveSpeedJobHours: Equatable, Codable {
    private struct Reading: Equatable, Codable {
        let at: Timestamp
        let hasUnfinished: Bool
    }

    /// The start of reading; nil for as far back as the API keeps jobs.
    private var start: Timestamp?
    /// By the number of the hour since 1970.
    private var readings: [Int: Reading] = [:]

    /// The time after an hour's end at which it is read a last time, because jobs may be listed late.
    static let lateness = Duration.minutes(20)
    /// The time between readings of a closed hour with unfinished jobs.
    static let pause = Duration.hours(1)

    /// Begins reading with this hour.
    mutating func begin(at hour: Timestamp) { start = hour }

    /// Records that an hour was read.
    ///
    /// - Parameter hasUnfinished: whether it has jobs whose duration is not known yet.
    mutating func record(_ hour: Period, readAt: Timestamp, hasUnfinished: Bool) {
        readings[Self.number(of: hour)] = Reading(at: readAt, hasUnfinished: hasUnfinished)
    }

    /// Returns the periods to query, and forgets hours before `earliest`: the hour `next`, then newest first single hours,
    /// and runs of hours of a day that were never read.
    mutating func due(from earliest: Timestamp, now: Timestamp, beginningWith next: Timestamp?) -> [Period] {
        let first = max(earliest, start ?? earliest)
        let from = first.startOfHour < first ? first.startOfHour + .hours(1) : first
        guard from <= now else { return [] }
        let all = Period(start: from, end: now.startOfHour + .hours(1)).hours
        let kept = Set(all.map(Self.number))
        readings = readings.filter { kept.contains($0.key) }
        var periods: [Period] = []
        for hour in all.reversed() where isDue(hour, now: now) && hour.start != next {
            if let run = periods.last, isUnread(hour, now: now), isUnread(run, now: now), run.start == hour.end,
                run.start.day == hour.start.day
            {
                periods[periods.count - 1] = Period(start: hour.start, end: run.end)
            } else {
                periods.append(hour)
            }
        }
        return all.filter { $0.start == next } + periods
    }

    private func isUnread(_ period: Period, now: Timestamp) -> Bool {
        readings[Self.number(of: period)] == nil && period.end <= now
    }

    private func isDue(_ hour: Period, now: Timestamp) -> Bool {
        guard let reading = readings[Self.number(of: hour)] else { return true }
        // A reading in the future was dated by a clock that has been set back since.
        if reading.at > now || reading.at < hour.end { return true }
        let last = hour.end + Self.lateness
        if reading.at < last { return last <= now }
        return reading.hasUnfinished && reading.at + Self.pause <= now
    }

    private static func number(of hour: Period) -> Int { Int(hour.start.milliseconds / 3_600_000) }
}

extension Period {
    /// The UTC hours of a period that begins and ends with one.
    var hours: [Period] {
        stride(from: start.milliseconds, to: end.milliseconds, by: 3_600_000).map {
            let hour = Timestamp(milliseconds: $0)
            return Period(start: hour, end: hour + .hours(1))
        }
    }
}

/// `POST /api/v3/predictions`: the jobs that run now, by model.
///
/// Only ids, models and states are read. Inputs, outputs and error texts are never stored, logged or exported.
struct WaveSpeedRunningJobs {
    static let endpoint = "predictions"
    /// The maximum number of pages of one sync.
    static let mostPages = 10
    /// How long the API keeps jobs.
    static let kept = Duration.days(7)

    private struct Filters: Encodable {
        let status: String
        let created_after: String
        let created_before: String
    }

    private struct Job: WaveSpeedRow {
        let id: LenientString?
        let model: Decoration<LenientString>
        let status: LenientString?
    }

    /// The running jobs by model; "" holds those without a model.
    let counts: [String: Int]

    /// Reads the running jobs; nil if there are more than the pages can list.
    static func read(_ api: any UpstreamAPI, _ context: any SyncContext) async throws -> WaveSpeedRunningJobs? {
        var pages = WaveSpeedPages(
            api: api, path: "/api/v3/predictions", endpoint: endpoint, isIncidental: true, allowance: mostPages)
        let now = context.now
        var counts: [String: Int] = [:]
        var seen: Set<String> = []
        // Jobs move from the first state to the second, so a job that moves between the queries is in both.
        for status in ["created", "processing"] {
            let filters = Filters(
                status: status, created_after: (now - kept).description, created_before: now.description)
            guard let jobs = try await pages.rows(of: Job.self, matching: filters, context) else { return nil }
            // The filter may be ignored.
            for job in jobs where job.status?.value == status {
                guard job.id.map({ seen.insert($0.whole).inserted }) ?? true else { continue }
                counts[job.model.value?.value ?? "", default: 0] += 1
            }
        }
        return WaveSpeedRunningJobs(counts: counts)
    }

    /// Returns the samples of `genai_pending_requests`: 0 for the known models without a running job.
    func samples(knownModels: [String]) -> [GaugeSample] {
        let zeros = Dictionary(knownModels.map { ($0, 0) }, uniquingKeysWith: { $1 })
        return zeros.merging(counts) { $1 }.sorted { $0.key < $1.key }.prefix(longestArray)
            .map { GaugeSample([$0.key], Double($0.value)) }
    }
}
