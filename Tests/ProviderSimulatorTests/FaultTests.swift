import AsyncHTTPClient
import Foundation
import NIOCore
import ProviderSimulator
import Testing
import UsageModel

@Suite("Injected faults as a client sees them", .timeLimit(.minutes(2)))
struct FaultTests {
    private static let path = "/wavespeed/api/v3/balance"
    private static let healthy = #"{"code":200,"message":"success","data":{"balance":0}}"#

    @Test("a status has the provider's error form or a custom body, and an optional Retry-After")
    func status() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            let retryAt = try at("1994-11-06T08:49:37Z")
            simulated.server.faults.queue(
                .status(503), .status(429, retryAfter: .seconds(7)), .status(429, retryAfter: .date(retryAt)),
                .status(500, body: "oops"), at: "/wavespeed")
            let unavailable = try await simulated.balance()
            #expect(unavailable.status == 503)
            #expect(unavailable.text == #"{"code":503,"message":"simulated fault"}"#)
            #expect(unavailable.headers["retry-after"] == nil)
            #expect(try await simulated.balance().headers["retry-after"] == "7")
            #expect(try await simulated.balance().headers["retry-after"] == "Sun, 06 Nov 1994 08:49:37 GMT")
            #expect(try await simulated.balance().text == "oops")
            #expect(try await simulated.balance().text == Self.healthy)
        }
    }

    @Test("a hanging request gets its response when it is released")
    func hang() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            simulated.server.faults.queue(.hang, at: Self.path)
            async let hanging = simulated.balance()
            try await simulated.server.log.wait(forTotal: 1)
            #expect(try await simulated.balance().status == 200)
            simulated.server.faults.release()
            let released = try await hanging
            #expect(released.text == Self.healthy)
        }
    }

    @Test("slow headers arrive after their delay")
    func slowHeaders() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            simulated.server.faults.queue(.slowHeaders(.seconds(90)), at: Self.path)
            async let slow = simulated.balance()
            await simulated.passSleep(of: .seconds(90))
            let response = try await slow
            #expect(response.text == Self.healthy)
        }
    }

    @Test("a slow body sends headers immediately and pauses before each chunk")
    func slowBody() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            simulated.server.faults.queue(.slowBody(bytes: 20, every: .seconds(5)), at: Self.path)
            let response = try await simulated.response(Self.path)
            #expect(response.headers.first(name: "content-length") == "\(Self.healthy.utf8.count)")
            var received = ""
            var pauses = 0
            var body = response.body.makeAsyncIterator()
            while received.utf8.count < Self.healthy.utf8.count {
                await simulated.passSleep(of: .seconds(5))
                pauses += 1
                received += String(buffer: try #require(try await body.next()))
            }
            #expect(received == Self.healthy)
            #expect(pauses == (Self.healthy.utf8.count + 19) / 20)
        }
    }

    @Test("a cut body fails in the client after half of its Content-Length")
    func cutBody() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            simulated.server.faults.queue(.cutBody, at: Self.path)
            let response = try await simulated.response(Self.path)
            #expect(response.headers.first(name: "content-length") == "\(Self.healthy.utf8.count)")
            var received = ""
            await #expect(throws: (any Error).self) {
                for try await chunk in response.body { received += String(buffer: chunk) }
            }
            #expect(Self.healthy.hasPrefix(received))
            #expect(try await simulated.balance().text == Self.healthy)
        }
    }

    @Test("an endless body lasts as long as the client reads, and the server keeps serving other clients")
    func endlessBody() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            simulated.server.faults.queue(.endlessBody, at: Self.path)
            let response = try await simulated.response(Self.path)
            await #expect(throws: NIOTooManyBytesError.self) { try await response.body.collect(upTo: 8 << 20) }
            #expect(try await simulated.balance().text == Self.healthy)
        }
    }

    @Test("an HTML page has its content type")
    func htmlPage() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            simulated.server.faults.queue(.htmlPage(status: 200), at: Self.path)
            let response = try await simulated.balance()
            #expect(response.status == 200)
            #expect(response.headers["content-type"] == "text/html; charset=utf-8")
            #expect(response.text.hasPrefix("<!DOCTYPE html>"))
        }
    }

    @Test("truncated JSON is a complete HTTP response that does not parse")
    func truncatedJSON() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            simulated.server.faults.queue(.truncatedJSON, at: Self.path)
            let response = try await simulated.balance()
            #expect(response.status == 200)
            #expect(response.headers["content-length"] == "\(response.text.utf8.count)")
            #expect(Self.healthy.hasPrefix(response.text))
            #expect(throws: DecodingError.self) { try response.json() }
        }
    }

    @Test("deep JSON has the requested depth")
    func deepJSON() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            simulated.server.faults.queue(.deepJSON(depth: 100_000), at: Self.path)
            let text = try await simulated.balance().text
            #expect(text == String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000))
        }
    }

    @Test("a wrong content type comes with a healthy body")
    func contentType() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            simulated.server.faults.queue(.headers(["Content-Type": "text/csv"]), at: Self.path)
            let response = try await simulated.balance()
            #expect(response.headers["content-type"] == "text/csv")
            #expect(response.text == Self.healthy)
        }
    }

    @Test("a redirect has its Location")
    func redirect() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            simulated.server.faults.queue(.redirect(to: "http://elsewhere.test/"), at: Self.path)
            let response = try await simulated.balance()
            #expect(response.status == 307)
            #expect(response.headers["location"] == "http://elsewhere.test/")
        }
    }

    @Test("styles quote numbers, omit optional fields and shuffle arrays")
    func styles() async throws {
        let events = try (0..<12).map { try event("2026-02-13T0\($0 % 10):00:00Z", model: "m\($0)", cost: "0.\($0)1") }
        try await SimulatedWaveSpeed.run(events: events) { simulated in
            func usageData() async throws -> JSONValue {
                let response = try await simulated.usage(from: "2026-02-13T00:00:00Z", to: "2026-02-13T23:59:59Z")
                return try #require(try response.json()["data"])
            }
            let plain = try await usageData()
            let faults = simulated.server.faults
            faults.queue(.style(.numbersAsStrings), .style(.withoutOptionalFields), at: "/wavespeed")
            let quoted = try await usageData()
            let cost = try #require(plain["summary"]?["total_cost"]?.number)
            #expect(quoted["summary"]?["total_cost"]?.text == cost.description)
            let bare = try await usageData()
            let model = try #require(bare["per_model_usage"]?.elements?.first)
            for field in ["model_type", "unit_price", "total_count", "last_used_date"] { #expect(model[field] == nil) }
            #expect(model["total_cost"]?.number != nil)
            #expect(bare["daily_usage"]?.elements?.first?["models"] == nil)
            faults.stand(.style(.shuffledArrays), at: "/wavespeed")
            func models(_ data: JSONValue) throws -> [JSONValue] { try #require(data["per_model_usage"]?.elements) }
            let first = try await models(usageData())
            let second = try await models(usageData())
            #expect(Set(first.map { $0["model_uuid"] }) == Set(try models(plain).map { $0["model_uuid"] }))
            #expect(first.map { $0["model_uuid"] } != second.map { $0["model_uuid"] })
        }
    }

    @Test("a queue precedes a standing fault, a longer prefix a shorter, and clear removes both")
    func precedence() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            let faults = simulated.server.faults
            faults.stand(.status(500), at: "/wavespeed")
            faults.stand(.status(501), at: "/wavespeed/api/v3/balance")
            faults.queue(.status(502), .status(503), at: "/wavespeed")
            faults.queue(.status(504), at: "/wavespeed/api/v3/balance")
            faults.queue(.status(505), at: "/fairstack")
            var statuses: [Int] = []
            for _ in 0..<5 { statuses.append(try await simulated.balance().status) }
            #expect(statuses == [504, 502, 503, 501, 501])
            #expect(try await simulated.ask("/wavespeed/api/v3/user").status == 500)
            faults.clear()
            #expect(try await simulated.balance().status == 200)
        }
    }
}
