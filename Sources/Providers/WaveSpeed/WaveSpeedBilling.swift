import UsageModel
import Upstream

/// A record of `POST /api/v3/billings/search`: a charge (`deduct`) or a refund.
///
/// The other fields are not read: `order` repeats the price, and a failed `prediction` has a refund of its own.
struct WaveSpeedBilling: WaveSpeedRow {
    let uuid: LenientString?
    let billing_type: LenientString
    let price: LenientDecimal
    let created_at: LenientTimestamp
    let access_key_name: Decoration<LenientString>
    let access_key_uuid: Decoration<LenientString>
    let access_key_id: Decoration<LenientString>

    var id: LenientString? { uuid }

    /// USD. The type determines the direction, so a sign in `price` would only repeat it.
    var amount: ExactDecimal { price.value.magnitude }

    /// The provider's id of the key; nil if the record has none.
    fileprivate var keyID: String? {
        [access_key_uuid, access_key_id].lazy.compactMap { $0.value?.value }.first { !$0.isEmpty }
    }

    fileprivate var keyName: String? { access_key_name.value.flatMap { $0.value.isEmpty ? nil : $0.value } }
}

/// The values of the label `key`, by the ids of keys. A value type, stored as JSON.
///
/// A key keeps the value of its first record, also if it is renamed later: under a new name the cost would count twice,
/// because the counter of the old name never falls.
struct WaveSpeedKeyNames: Equatable, Codable {
    private var byID: [String: String] = [:]

    /// Assigns names to the keys of new records: the name, or the id if there is none or if two keys share it.
    mutating func learn(_ records: [WaveSpeedBilling]) {
        var new: [String: String] = [:]
        for record in records {
            guard let id = record.keyID, byID[id] == nil, new[id]?.isEmpty ?? true else { continue }
            new[id] = record.keyName ?? ""
        }
        let taken = Set(byID.values)
        let holders = Dictionary(new.map { ($0.value, 1) }, uniquingKeysWith: +)
        for (id, name) in new.sorted(by: { $0.key < $1.key }).prefix(max(0, longestArray - byID.count)) {
            let isUnique = !name.isEmpty && holders[name] == 1 && !taken.contains(name)
            byID[id] = isUnique ? name : id
        }
    }

    /// Returns the value of the label `key`; empty if the record names no key.
    func name(of record: WaveSpeedBilling) -> String {
        guard let id = record.keyID else { return record.keyName ?? "" }
        return byID[id] ?? id
    }
}
