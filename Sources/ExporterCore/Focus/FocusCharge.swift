import Foundation
import UsageModel

/// A charge of an account on one UTC day: a row of a FOCUS file.
struct FocusCharge: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        /// Usage, at its current amount: what the provider took back is subtracted.
        case usage
        /// Money paid in.
        case topUp
        /// Money or credits given back, which the ledger does not subtract from usage.
        case refund
    }

    let day: UTCDay
    /// The label `account`.
    let account: String
    /// The label `provider`.
    let provider: String
    /// The key as it is exported; empty if the charge has none.
    let key: String
    /// The model as it is exported; empty if the charge has none.
    let model: String
    let kind: Kind
    let currency: FocusCurrency
    /// In `currency`.
    let amount: ExactDecimal
    /// Whether it takes back more than its month was charged, and so corrects an earlier billing period.
    let isCorrection: Bool
    let owner: Owner?
}

/// The currency of a charge.
enum FocusCurrency: Sendable, Hashable {
    /// A national currency by its ISO 4217 code, which is billed.
    case national(String)
    /// A virtual currency such as DIEM, which is paid in advance or granted and not billed.
    case virtual(String)

    static let usd = FocusCurrency.national("USD")

    /// - Parameter unit: the label `unit`.
    init(unit: String) {
        let code = unit.uppercased()
        self = Self.nationalCodes.contains(code) ? .national(code) : .virtual(code)
    }

    private static let nationalCodes = Set(Locale.Currency.isoCurrencies.map { $0.identifier.uppercased() })

    /// The value of `PricingCurrency`.
    var code: String {
        switch self {
        case .national(let code), .virtual(let code): code
        }
    }

    /// The value of `BillingCurrency`. The specification has national currencies only.
    var billingCode: String {
        switch self {
        case .national(let code): code
        case .virtual: "USD"
        }
    }
}
