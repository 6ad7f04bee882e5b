import UsageModel
import Upstream

/// One response of `GET /v2/account/stats`, its rows counted as they are read.
struct UseAPIDocument {
    let head: UseAPIStatsHead
    /// The rows that the response lists, counted or not.
    let listed: Int

    /// The longest that everything but the rows may be, in bytes: the summary's counts are members of objects, which
    /// have no limit of their own.
    private static let longestHead = 1 << 20

    /// Reads a response to a query of a day, and adds its rows.
    ///
    /// - Parameters:
    ///   - isCounted: which rows to add; nil for all.
    ///   - remark: gets each decoration that could not be read.
    /// - Throws: `SourceFailure` (`decode`) where it is not such a response, or one for another day.
    init(
        _ answer: UpstreamAnswer, day: UTCDay, into rows: inout UseAPIRows,
        where isCounted: ((UseAPIRow) -> Bool)? = nil,
        remark: (String) -> Void = { _ in }
    ) throws {
        var listed = 0
        var document = ListDocument(answer.body, list: "data")
        let rest = try document.read { batch in
            do {
                let read =
                    try UseAPIRow.plain(batch.json)
                    ?? JSONBody.decode([UseAPIRow].self, from: answer.part(batch.json))
                listed += read.count
                for row in read where isCounted?(row) ?? true { rows.add(row) }
                try rows.checkSize()
            } catch let failure as SourceFailure {
                throw SourceFailure(failure.reason, "data, from row \(batch.first) on: \(failure.message)")
            }
        }
        guard rest.count <= Self.longestHead else {
            throw SourceFailure(.decode, "stats has more than \(Self.longestHead) bytes beside its rows")
        }
        head = try JSONBody.decode(UseAPIStatsHead.self, from: answer.part(rest), remark: remark)
        self.listed = listed
        // The usage of one day counted for another would double it.
        if let date = head.date?.value, !date.isEmpty, Timestamp(date)?.day != day {
            throw SourceFailure(.decode, "stats answered for another date than \(day), which was asked for")
        }
        guard head.total != nil || head.summary.value != nil || listed > 0 else {
            throw SourceFailure(.decode, "stats answered without `total`; is base_url the useapi.net API?")
        }
    }
}

extension UpstreamAnswer {
    /// The same response with a part of its body.
    fileprivate func part(_ json: [UInt8]) -> UpstreamAnswer {
        UpstreamAnswer(status: status, headers: headers, body: json)
    }
}
