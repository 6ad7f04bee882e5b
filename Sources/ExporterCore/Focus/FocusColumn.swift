import Foundation
import UsageModel

/// A column of a FOCUS file, by its name in the specification. Custom columns begin with `x_`.
enum FocusColumn: String, Sendable, CaseIterable {
    case billedCost = "BilledCost"
    case billingAccountID = "BillingAccountId"
    case billingAccountName = "BillingAccountName"
    case billingCurrency = "BillingCurrency"
    case billingPeriodEnd = "BillingPeriodEnd"
    case billingPeriodStart = "BillingPeriodStart"
    case chargeCategory = "ChargeCategory"
    case chargeClass = "ChargeClass"
    case chargeDescription = "ChargeDescription"
    case chargeFrequency = "ChargeFrequency"
    case chargePeriodEnd = "ChargePeriodEnd"
    case chargePeriodStart = "ChargePeriodStart"
    case contractedCost = "ContractedCost"
    case effectiveCost = "EffectiveCost"
    case hostProviderName = "HostProviderName"
    case invoiceID = "InvoiceId"
    case invoiceIssuerName = "InvoiceIssuerName"
    case listCost = "ListCost"
    case pricingCategory = "PricingCategory"
    case pricingCurrency = "PricingCurrency"
    case pricingCurrencyEffectiveCost = "PricingCurrencyEffectiveCost"
    case pricingQuantity = "PricingQuantity"
    case pricingUnit = "PricingUnit"
    case providerName = "ProviderName"
    case publisherName = "PublisherName"
    case resourceID = "ResourceId"
    case resourceType = "ResourceType"
    case serviceCategory = "ServiceCategory"
    case serviceName = "ServiceName"
    case serviceProviderName = "ServiceProviderName"
    case serviceSubcategory = "ServiceSubcategory"
    case subAccountID = "SubAccountId"
    case subAccountName = "SubAccountName"
    case tags = "Tags"
    /// Money or credits paid in, or given back if negative, in the pricing currency. It is part of no cost.
    case paymentAmount = "x_PaymentAmount"

    /// The column's value in a row; empty for null.
    func value(of charge: FocusCharge) -> String {
        switch self {
        case .billedCost, .contractedCost, .effectiveCost, .listCost: charge.cost.description
        case .billingAccountID, .billingAccountName: charge.account
        case .billingCurrency: charge.currency.billingCode
        case .billingPeriodStart: charge.day.startOfMonth.focusDate
        case .billingPeriodEnd: charge.day.startOfNextMonth.focusDate
        case .chargePeriodStart: charge.day.focusDate
        case .chargePeriodEnd: charge.day.advanced(by: 1).focusDate
        case .chargeCategory: charge.category
        case .chargeClass: charge.isCorrection ? "Correction" : ""
        case .chargeDescription: charge.text
        case .chargeFrequency: charge.kind == .usage ? "Usage-Based" : "One-Time"
        // The providers' invoices are not in the ledger.
        case .invoiceID: ""
        case .pricingCategory: charge.kind == .refund ? "" : "Standard"
        case .pricingCurrency: charge.currency.code
        // A unit consists of words that are separated by spaces.
        case .pricingUnit: charge.currency.code.split(separator: "_").joined(separator: " ")
        case .pricingCurrencyEffectiveCost: charge.usage.description
        // The ledger has no unit prices: a charge is priced by the unit of its currency.
        case .pricingQuantity: charge.amount.description
        case .hostProviderName, .invoiceIssuerName, .providerName, .publisherName, .serviceName, .serviceProviderName:
            charge.provider
        case .resourceID: charge.model
        case .resourceType: charge.model.isEmpty ? "" : "Model"
        case .serviceCategory: "AI and Machine Learning"
        case .serviceSubcategory: "Generative AI"
        case .subAccountID, .subAccountName: charge.key
        case .tags: charge.owner?.tags ?? ""
        case .paymentAmount: charge.payment?.description ?? ""
        }
    }
}

extension FocusCharge {
    /// The usage in its own currency; zero for payments, which would count what they pay a second time.
    fileprivate var usage: ExactDecimal { kind == .usage ? amount : .zero }

    /// The cost in the billing currency.
    fileprivate var cost: ExactDecimal {
        if case .national = currency { usage } else { .zero }
    }

    fileprivate var payment: ExactDecimal? {
        switch kind {
        case .usage: nil
        case .topUp: amount
        case .refund: -amount
        }
    }

    fileprivate var category: String {
        switch kind {
        case .usage: "Usage"
        case .topUp: "Purchase"
        case .refund: "Credit"
        }
    }

    fileprivate var text: String {
        let what =
            switch kind {
            case .usage: amount.isNegative ? "Correction of usage" : "Usage"
            case .topUp: "Top-up of the prepaid balance"
            case .refund: "Refund"
            }
        return model.isEmpty ? what : "\(what): \(model)"
    }
}

extension Owner {
    /// The value of `Tags`, a JSON object.
    fileprivate var tags: String {
        var tags = ["owner": name]
        if !costCenter.isEmpty { tags["cost_center"] = costCenter }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(tags)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

extension UTCDay {
    /// Midnight of the day, in the specification's format.
    fileprivate var focusDate: String { "\(self)T00:00:00Z" }
}

/// A version of FOCUS, the FinOps Open Cost and Usage Specification.
package enum FocusVersion: String, Sendable, CaseIterable {
    case v12 = "1.2"
    case v14 = "1.4"

    /// The columns of a file in this version, in order: those of the specification by name, then custom ones.
    var columns: [FocusColumn] {
        FocusColumn.allCases.filter { column in
            switch column {
            case .providerName, .publisherName: self == .v12
            case .hostProviderName, .serviceProviderName: self == .v14
            default: true
            }
        }
    }
}
