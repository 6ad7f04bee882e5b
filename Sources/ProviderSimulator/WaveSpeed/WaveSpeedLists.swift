import UsageModel

/// A key of a simulated WaveSpeedAI organization, as its billing records name it.
package struct WaveSpeedAccessKey: Sendable, Hashable {
    package let id: String
    /// Nil if records have no name.
    package let name: String?

    package init(id: String, name: String?) {
        self.id = id
        self.name = name
    }
}

/// The lists that the newer WaveSpeedAI API returns in pages: billing records and jobs.
package struct WaveSpeedLists {
    let store: UsageEventStore
    let quirks: WaveSpeedQuirks
    let now: Timestamp

    /// `POST /api/v3/billings/search`: a charge for each hour and model, and a refund if some of its jobs failed.
    ///
    /// Nil if the query is not valid.
    func billings(_ body: JSONValue?) -> JSONValue? {
        guard let start = body?["start_time"]?.text.flatMap({ Timestamp($0) }),
            let end = body?["end_time"]?.text.flatMap({ Timestamp($0) }), start < end
        else { return nil }
        let type = body?["billing_type"]?.text
        var rows: [JSONValue] = []
        var hour = start
        while hour < min(end, now + .hours(1)) {
            let period = Period(start: hour, end: hour + .hours(1))
            for (model, usage) in store.report(in: period).models.sorted(by: { $0.key < $1.key }) {
                if type != "refund" {
                    rows.append(record("deduct", hour, model, usage.figures.cost))
                }
                if type != "deduct", usage.figures.failures > 0 {
                    rows.append(record("refund", hour, model, usage.unitPrice * usage.figures.failures))
                }
            }
            hour = hour + .hours(1)
        }
        return page(of: rows, body)
    }

    /// `POST /api/v3/predictions`: the jobs of the last seven days, newest first.
    ///
    /// Successful jobs run for `quirks.runTime`; one in three of the running ones was only created.
    func predictions(_ body: JSONValue?) -> JSONValue {
        let after = body?["created_after"]?.text.flatMap { Timestamp($0) } ?? now - .days(7)
        let before = body?["created_before"]?.text.flatMap { Timestamp($0) } ?? now
        let period = Period(start: max(after, now - .days(7)), end: before + .milliseconds(1))
        guard period.start < period.end else { return page(of: [], body) }
        let status = body?["status"]?.text
        let rows = store.events(in: period).reversed().compactMap { number, event -> JSONValue? in
            let isRunning = event.succeeded && event.time > now - quirks.runTime
            let state =
                isRunning ? (number % 3 == 0 ? "created" : "processing") : event.succeeded ? "completed" : "failed"
            guard status == nil || status == state else { return nil }
            return [
                "id": .string("job-\(number)"), "model": .string(event.model), "status": .string(state),
                "created_at": .string(event.time.description), "error": "",
                "executionTime": .count(isRunning ? 0 : Self.executionTime(of: number)),
                "timings": ["inference": .count(isRunning ? 0 : Self.executionTime(of: number))],
            ]
        }
        return page(of: rows, body)
    }

    /// The duration of a job in milliseconds.
    package static func executionTime(of number: Int) -> Int { (number % 97 + 1) * 137 }

    /// The key of a model's usage: keys share the models in order.
    static func key(of model: String, among keys: [WaveSpeedAccessKey]) -> WaveSpeedAccessKey? {
        guard !keys.isEmpty else { return nil }
        return keys[model.utf8.reduce(0) { ($0 + Int($1)) % keys.count }]
    }

    private func record(_ type: String, _ time: Timestamp, _ model: String, _ price: ExactDecimal) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("uuid", .string("\(type)-\(time)-\(model)")), .init("billing_type", .string(type)),
            .init("price", .number(price)), .init("created_at", .string(time.description)),
        ]
        if let key = Self.key(of: model, among: quirks.keys) {
            members.append(.init("access_key_uuid", .string(key.id)))
            if let name = key.name { members.append(.init("access_key_name", .string(name))) }
        }
        return .object(members)
    }

    private func page(of rows: [JSONValue], _ body: JSONValue?) -> JSONValue {
        let size = max(1, min(100, body?["page_size"]?.number?.wholeNumber ?? 20))
        let number = max(1, body?["page"]?.number?.wholeNumber ?? 1)
        let items = Array(rows.dropFirst((number - 1) * size).prefix(size))
        return [
            "page": .count(number), "items": .array(items),
            quirks.endsPagesByTotal ? "total" : "has_more":
                quirks.endsPagesByTotal ? .count(rows.count) : .bool(number * size < rows.count),
        ]
    }
}
