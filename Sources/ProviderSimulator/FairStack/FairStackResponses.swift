import UsageModel

/// Bodies of FairStack's responses, with the field names of the provider's documentation page.
struct FairStackResponses {
    /// A query that the API rejects.
    struct Refusal: Error {
        let status: Int
        let message: String
    }

    let account: FairStackAccount
    let style: AnswerStyle
    let now: Timestamp

    private var isFull: Bool { !style.contains(.withoutOptionalFields) }

    func usage(_ query: [String: String]) -> Result<JSONValue, Refusal> {
        range(query).flatMap { first, last in
            let key = query["key_id"]
            if let key, !account.keyIDs.contains(key) || account.quirks.unknownKeys[key].map({ $0 <= now }) == true {
                return .failure(Refusal(status: 404, message: "Unknown key_id"))
            }
            var figures = FairStackFigures()
            for day in account.store.usage(from: first, to: last, key: key) { figures.add(day.figures) }
            return .success([
                "from": .string("\(first)"), "to": .string("\(last)"),
                "total_cost": money(figures.total.micro, currency: true),
                "generation_count": .count(figures.total.count),
                "by_modality": .array(listed(figures.modalities, as: "modality")),
                "by_model": .array(listed(figures.models, as: "model")),
            ])
        }
    }

    func daily(_ query: [String: String]) -> Result<JSONValue, Refusal> {
        range(query).map { first, last in
            let shown = account.store.usage(from: first, to: last, key: nil, lag: account.quirks.dailyLag)
                .filter { !account.quirks.dailyOmitsToday || $0.day != now.day }
            let days = shown.map { day, figures -> JSONValue in
                [
                    "date": .string("\(day)"), "count": .count(figures.total.count),
                    "cost": money(figures.total.micro),
                ]
            }
            return ["days": .array(days)]
        }
    }

    func transactions(_ query: [String: String]) -> Result<JSONValue, Refusal> {
        guard let limit = Int(query["limit"] ?? "20"), (1...100).contains(limit) else {
            return .failure(Refusal(status: 400, message: "limit must be between 1 and 100"))
        }
        let type = query["type"]
        guard type == nil || type.flatMap(FairStackTransaction.Kind.init(rawValue:)) != nil else {
            return .failure(Refusal(status: 400, message: "type must be generation, top_up or refund"))
        }
        var position: (time: Timestamp, id: String)?
        if let cursor = query["cursor"] {
            position = Self.position(of: cursor)
            guard position != nil else { return .failure(Refusal(status: 400, message: "Invalid cursor")) }
        }
        let isWanted = { (transaction: FairStackTransaction) in
            (type == nil || transaction.kind.rawValue == type)
                && (query["modality"] == nil || transaction.modality == query["modality"])
        }
        let top =
            query["cursor"] == nil ? account.store.oldest(account.quirks.oldTransactionsOnTop, where: isWanted) : []
        let page = account.store.page(before: position, limit: max(1, limit - top.count), where: isWanted)
        var rows = page.rows
        rows.insert(contentsOf: top, at: min(account.quirks.oldTransactionsOffset, rows.count))
        var members: [JSONValue.Member] = [
            .init("transactions", .array(rows.map { row($0.transaction, status: $0.status) })),
            .init("has_more", .bool(page.hasMore)),
        ]
        if page.hasMore, let last = page.rows.last?.transaction {
            members.append(.init("cursor", .string(Self.cursor(after: last))))
        } else if isFull {
            members.append(.init("cursor", .null))
        }
        return .success(.object(members))
    }

    func credits() -> JSONValue {
        let caps = account.caps.map { cap -> JSONValue.Member in
            let value = cap.micro.map { ["micro": .count($0), "used_micro": .count(spentThisMonth)] as JSONValue }
            return .init(cap.scope, value ?? .null)
        }
        return ["balance": money(-account.store.shownMicros, currency: true), "caps": .object(caps)]
    }

    /// `GET /v1/account`, with the cap of the organization.
    func details() -> JSONValue {
        let balance = -account.store.shownMicros
        let cap = account.caps.first { $0.scope == "organization" }?.micro
        var members: [JSONValue.Member] = [
            .init("id", "usr_1"), .init("name", .string(account.owner.name)),
            .init("email", .string(account.owner.email)),
        ]
        if isFull { members.append(.init("plan", ["name": "Pro"])) }
        members += [
            .init("credits", .object(amount(balance, "balance_microdollars", "balance_usd"))),
            .init(
                "spending_cap",
                .object(
                    amount(cap, "monthly_microdollars", "monthly_usd")
                        + amount(spentThisMonth, "used_this_month_microdollars", "used_this_month_usd"))),
        ]
        return .object(members)
    }

    /// An amount in the two units of `GET /v1/account`.
    private func amount(_ micro: Int?, _ microName: String, _ usdName: String) -> [JSONValue.Member] {
        let exact = JSONValue.Member(microName, micro.map { .count($0) } ?? .null)
        let usd = JSONValue.Member(usdName, micro.map { .number(ExactDecimal(micros: $0)) } ?? .null)
        return isFull ? [exact, usd] : [exact]
    }

    /// `GET /v1/api-keys`.
    func keys() -> JSONValue {
        let keys = account.listedKeys.map { key -> JSONValue in
            [
                "id": .string(key.id), "name": .string(key.name), "prefix": .string(FairStackListedKey.prefix),
                "scopes": .array(["generate", "credits:read"]),
                "cap_total_micro": key.capTotalMicro.map { .count($0) } ?? .null,
                "created_at": .string("\(key.createdAt)"),
                "last_used_at": account.store.lastUse(of: key.id).map { .string("\($0)") } ?? .null,
            ]
        }
        return ["keys": .array(keys)]
    }

    /// Spending of the current month (UTC), in millionths of a dollar.
    private var spentThisMonth: Int { account.store.spentMicros(since: now.day.startOfMonth.start) }

    private func range(_ query: [String: String]) -> Result<(UTCDay, UTCDay), Refusal> {
        guard let first = query["from"].flatMap({ UTCDay($0) }), let last = query["to"].flatMap({ UTCDay($0) }),
            first <= last
        else { return .failure(Refusal(status: 400, message: "from and to must be dates such as 2026-02-01")) }
        return .success((first, last))
    }

    private func listed(_ sums: [String: FairStackFigures.Sum], as name: String) -> [JSONValue] {
        sums.filter { !$0.key.isEmpty }.sorted { ($1.value.micro, $0.key) < ($0.value.micro, $1.key) }
            .map { [name: .string($0.key), "count": .count($0.value.count), "cost": money($0.value.micro)] }
    }

    private func row(_ transaction: FairStackTransaction, status: String) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("id", .string(transaction.id)), .init("type", .string(transaction.kind.rawValue)),
        ]
        if let model = transaction.model { members.append(.init("model", .string(model))) }
        if let modality = transaction.modality { members.append(.init("modality", .string(modality))) }
        members += [
            .init("cost", money(transaction.micro)),
            .init("status", .string(account.forms.vocabulary.word(for: status))),
            .init("created_at", .string("\(transaction.time)")),
        ]
        return .object(members)
    }

    private func money(_ micro: Int, currency: Bool = false) -> JSONValue {
        var members = [JSONValue.Member("micro", .count(micro))]
        if isFull {
            members.append(.init("display", .string(Self.display(micro))))
            if currency { members.append(.init("currency", .string(account.currency))) }
        }
        return .object(members)
    }

    /// `$0.045`, `-$10.00`: at least two decimals, and no trailing zeros beyond those.
    private static func display(_ micro: Int) -> String {
        let text = ExactDecimal(micros: micro).magnitude.description.split(separator: ".")
        let fraction = text.count > 1 ? String(text[1]) : ""
        return
            "\(micro < 0 ? "-" : "")$\(text[0]).\(fraction)\(String(repeating: "0", count: max(0, 2 - fraction.count)))"
    }

    private static func cursor(after last: FairStackTransaction) -> String {
        "cursor_\(last.time.milliseconds)_\(last.id)"
    }

    private static func position(of cursor: String) -> (time: Timestamp, id: String)? {
        let parts = cursor.split(separator: "_", maxSplits: 2)
        guard parts.count == 3, parts[0] == "cursor", let time = Int64(parts[1]) else { return nil }
        return (Timestamp(milliseconds: time), String(parts[2]))
    }
}
