import UsageModel

/// What is wrong inside an answer that is whole and in its documented form.
public enum Alteration: Sendable, Hashable {
    /// So many `x` stand before every name: models, keys, linked accounts, SKUs. What they end in tells them apart.
    case longNames(characters: Int)
    /// Every name begins with a byte that no UTF-8 text holds.
    case invalidUTF8
    /// Every number is below zero, but those that are no amounts: codes, and the places of pages.
    case negativeAmounts
    /// Every amount is this JSON number: `1e300` fits no type that money is kept in.
    case amounts(String)

    /// The members that hold names.
    static let names: Set<String> = [
        "model_uuid", "model", "sku", "apiModelId", "config", "id", "name", "description",
    ]

    /// The members whose numbers, and those inside them, are no amounts.
    private static let noAmounts: Set<String> = ["code", "status", "pagination"]

    /// The body in UTF-8, or nearly so.
    func encoded(_ body: JSONValue) -> [UInt8] {
        switch self {
        case .longNames(let characters):
            let start = String(repeating: "x", count: characters)
            return body.mapNames { start + $0 }.encoded()
        case .invalidUTF8:
            return body.mapNames { Self.mark + $0 }.encoded().replacing(Array(Self.mark.utf8), with: [0xFF])
        case .negativeAmounts:
            return body.mapAmounts(except: Self.noAmounts) { .number(-$0.magnitude) }.encoded()
        case .amounts(let number):
            return body.mapAmounts(except: Self.noAmounts) { _ in .string(Self.mark) }.encoded()
                .replacing(Array("\"\(Self.mark)\"".utf8), with: Array(number.utf8))
        }
    }

    /// Stands in the document for bytes that a `JSONValue` cannot hold; no provider uses it.
    private static let mark = "\u{F8FF}"
}

extension JSONValue {
    /// The same document with other names.
    func mapNames(_ change: (String) -> String) -> JSONValue {
        switch self {
        case .array(let elements): .array(elements.map { $0.mapNames(change) })
        case .object(let members):
            .object(
                members.map { member in
                    if Alteration.names.contains(member.name), let text = member.value.text {
                        Member(member.name, .string(change(text)))
                    } else {
                        Member(member.name, member.value.mapNames(change))
                    }
                })
        case .null, .bool, .number, .string: self
        }
    }

    fileprivate func mapAmounts(except kept: Set<String>, _ change: (ExactDecimal) -> JSONValue) -> JSONValue {
        switch self {
        case .number(let number): change(number)
        case .array(let elements): .array(elements.map { $0.mapAmounts(except: kept, change) })
        case .object(let members):
            .object(
                members.map { member in
                    kept.contains(member.name)
                        ? member : Member(member.name, member.value.mapAmounts(except: kept, change))
                })
        case .null, .bool, .string: self
        }
    }
}
