import NIOConcurrencyHelpers
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of a key's cost after changes of the config, the key, the clock or the provider.
@Suite struct CheapestInferenceKeyHistoryTests {
    /// The API for one secret, with an amount spent or a failure.
    private final class Secret: UpstreamAPI {
        private let spent: NIOLockedValueBox<String?>
        let fingerprint: String

        init(_ fingerprint: String, spent: String?) {
            self.fingerprint = fingerprint
            self.spent = NIOLockedValueBox(spent)
        }

        func spend(_ text: String?) { spent.withLockedValue { $0 = text } }

        func credentialFingerprint() throws -> String? { fingerprint }

        func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
            guard let spent = spent.withLockedValue({ $0 }) else {
                throw UpstreamFailure(reason: .auth, status: 401, message: "HTTP 401")
            }
            let body = #"{"budget":{"spent":\#(spent)},"plan":{"slug":"x"}}"#
            return UpstreamResponse(status: 200, headers: [:], body: Array(body.utf8))
        }
    }

    private let context = StoredVisit(now: Timestamp(seconds: 1_796_040_000))  // 2026-11-30T12:00:00Z

    private func sync(_ keys: [(String, Secret)]) async throws {
        let source = CheapestInferenceKeySource(keys: keys.map { .init(name: $0.0, api: $0.1) })
        do { try await source.sync(context) } catch is PartialFailure {}
    }

    private func cost(_ key: String? = nil) -> ExactDecimal {
        context.sum(.cost) { key == nil || $0[0] == key }
    }

    private func coverage(_ key: String) -> Coverage {
        context.readings.compactMap { $0.coverage[key] }.last ?? Coverage()
    }

    private func day(_ number: Int) -> UTCDay {
        UTCDay(daysSinceEpoch: context.ledgerStart.day.daysSinceEpoch + number)
    }

    @Test func renamedKeyKeepsItsCostUnderTheOldName() async throws {
        let (a, b) = (Secret("a", spent: "9"), Secret("b", spent: "3.5"))
        try await sync([("A", a), ("B", b)])
        context.advance(by: .minutes(5))
        try await sync([("A", a), ("beta", b)])
        #expect(cost() == ExactDecimal("12.5"))
        #expect(cost("beta") == .zero)
        b.spend("5")
        context.advance(by: .minutes(5))
        try await sync([("A", a), ("beta", b)])
        #expect(cost("B") == ExactDecimal("3.5"))
        #expect(cost("beta") == ExactDecimal("1.5"))
        b.spend("6")
        context.advance(by: .minutes(5))
        try await sync([("A", a), ("B", b)])
        #expect(cost("B") == ExactDecimal("4.5"))
        #expect(cost() == ExactDecimal(15))
    }

    @Test func swappedNamesMoveNothing() async throws {
        let (a, b) = (Secret("a", spent: "9"), Secret("b", spent: "3"))
        try await sync([("A", a), ("B", b)])
        context.advance(by: .minutes(5))
        a.spend("10")
        try await sync([("B", a), ("A", b)])
        #expect(cost("A") == ExactDecimal(9))
        #expect(cost("B") == ExactDecimal(4))
    }

    @Test func rotatedKeyStartsANewPeriod() async throws {
        try await sync([("A", Secret("a", spent: "9"))])
        context.advance(by: .minutes(5))
        try await sync([("A", Secret("b", spent: "4"))])
        #expect(cost("A") == ExactDecimal(13))
    }

    @Test func failingKeyDoesNotAffectTheCoverageOfOthers() async throws {
        let (a, b) = (Secret("a", spent: "1"), Secret("b", spent: "1"))
        for step in 0..<60 {
            if step == 20 { b.spend(nil) }
            a.spend("\(1 + step)")
            try await sync([("A", a), ("B", b)])
            context.advance(by: .hours(1))
        }
        let today = (context.now - .hours(1)).day
        #expect(coverage("A").covers(today...today, on: today))
        #expect(!coverage("B").covers(today...today, on: today))
        #expect(coverage("A").covers(day(1)...day(1), on: today))
        try await sync([("A", a)])
        #expect(coverage("B") == Coverage())
    }

    @Test func usageOfAnOutageBelongsToNoDay() async throws {
        let key = Secret("a", spent: "0")
        try await sync([("A", key)])
        context.advance(by: .days(2))
        key.spend("15")
        try await sync([("A", key)])
        for _ in 0..<60 {
            context.advance(by: .hours(1))
            try await sync([("A", key)])
        }
        let today = context.now.day
        // The usage of 30 November and of 1 and 2 December has unknown days; the 3rd and the 4th are known.
        for number in 0...2 { #expect(!coverage("A").covers(day(number)...day(number), on: today)) }
        for number in 3...4 { #expect(coverage("A").covers(day(number)...day(number), on: today)) }
        #expect(!coverage("A").covers(day(1)...today, on: today))
    }

    @Test func outageWithoutUsageKeepsTheDaysKnown() async throws {
        let key = Secret("a", spent: "7")
        try await sync([("A", key)])
        context.advance(by: .days(2))
        try await sync([("A", key)])
        #expect(coverage("A").covers(day(1)...day(1), on: context.now.day))
    }

    @Test func usageReadRightAfterMidnightBelongsToTheDayBefore() async throws {
        let key = Secret("a", spent: "1")
        context.advance(by: .hours(11) + .minutes(56))
        try await sync([("A", key)])
        key.spend("2")
        context.advance(by: .minutes(5))
        try await sync([("A", key)])
        #expect(context.readings.last?.slices.first?.growthDay == day(0))
        key.spend("3")
        context.advance(by: .minutes(5))
        try await sync([("A", key)])
        #expect(context.readings.last?.slices.first?.growthDay == day(1))
    }
}
