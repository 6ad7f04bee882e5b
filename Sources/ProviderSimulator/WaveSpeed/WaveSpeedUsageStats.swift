import UsageModel

/// The `data` of a response to `POST /api/v3/user/usage_stats`, with the field names of the provider's documentation
/// page. Models are sorted by cost, highest first, days by date.
struct WaveSpeedUsageStats {
    private let report: UsageReport
    private let quirks: WaveSpeedQuirks
    private let isFull: Bool
    /// Jobs of the report that are still running and succeed later.
    var runningJobs = 0

    init(_ report: UsageReport, _ style: AnswerStyle, _ quirks: WaveSpeedQuirks) {
        self.report = report
        self.quirks = quirks
        isFull = !style.contains(.withoutOptionalFields)
    }

    var data: JSONValue {
        let figures = report.figures
        return [
            "per_model_usage": .array(Self.listed(report.models).map(perModel)),
            "daily_usage": .array(report.days.map(daily)),
            "summary": [
                "total_cost": .number(figures.cost),
                "total_requests": .count(figures.requests),
                "success_requests": .count(figures.successes - runningJobs),
            ],
        ]
    }

    private func perModel(_ model: String, _ usage: ModelUsage) -> JSONValue {
        var members = [JSONValue.Member("model_uuid", .string(model))]
        if isFull {
            members.append(.init("model_type", usage.modality.map(JSONValue.string) ?? .null))
            members.append(.init("unit_price", .number(usage.unitPrice)))
        }
        members.append(.init("total_cost", .number(usage.figures.cost)))
        if isFull {
            if !quirks.omitsModelCounts { members.append(.init("total_count", .count(usage.figures.requests))) }
            members.append(.init("last_used_date", .string(usage.lastUsed.day.description)))
        }
        return .object(members)
    }

    private func daily(_ day: UsageReport.Day) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("date", .string(day.day.description + (quirks.writesTimestamps ? "T00:00:00Z" : ""))),
            .init("amount", .number(day.figures.cost)),
            .init("count", .count(day.figures.requests)),
        ]
        if isFull {
            let models = Self.listed(day.models).map { model, usage -> JSONValue in
                [
                    "model_uuid": .string(model), "amount": .number(usage.figures.cost),
                    "count": .count(usage.figures.requests),
                ]
            }
            members.append(.init("models", .array(models)))
        }
        return .object(members)
    }

    /// The models that have a name, costliest first.
    private static func listed(_ models: [String: ModelUsage]) -> [(String, ModelUsage)] {
        models.filter { !$0.key.isEmpty }.sorted {
            ($1.value.figures.cost, $0.key) < ($0.value.figures.cost, $1.key)
        }
    }
}
