import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Tests of the columns of a FOCUS file and of their values.
@Suite struct FocusColumnTests {
    private func charge(
        _ kind: FocusCharge.Kind = .usage, _ amount: String = "1.5", in currency: FocusCurrency = .usd,
        key: String = "web", model: String = "vidu/q3", isCorrection: Bool = false, owner: Owner? = nil
    ) throws -> FocusCharge {
        FocusCharge(
            day: try #require(UTCDay("2026-12-31")), account: "media", provider: "wavespeed", key: key, model: model,
            kind: kind, currency: currency, amount: try #require(ExactDecimal(amount)), isCorrection: isCorrection,
            owner: owner)
    }

    /// The values of a row that are not null, by column.
    private func row(_ charge: FocusCharge, _ version: FocusVersion = .v12) -> [String: String] {
        let columns = version.columns.map { ($0.rawValue, $0.value(of: charge)) }
        return Dictionary(uniqueKeysWithValues: columns).filter { !$0.value.isEmpty }
    }

    @Test("usage has its amount in every cost, the month as billing period, and the owner as tags")
    func usage() throws {
        let owner = Owner(name: "video \"A\"/é", costCenter: "4711")
        #expect(
            try row(charge(owner: owner)) == [
                "BilledCost": "1.5", "BillingAccountId": "media", "BillingAccountName": "media",
                "BillingCurrency": "USD", "BillingPeriodEnd": "2027-01-01T00:00:00Z",
                "BillingPeriodStart": "2026-12-01T00:00:00Z", "ChargeCategory": "Usage",
                "ChargeDescription": "Usage: vidu/q3", "ChargeFrequency": "Usage-Based",
                "ChargePeriodEnd": "2027-01-01T00:00:00Z", "ChargePeriodStart": "2026-12-31T00:00:00Z",
                "ContractedCost": "1.5", "EffectiveCost": "1.5", "InvoiceIssuerName": "wavespeed", "ListCost": "1.5",
                "PricingCategory": "Standard", "PricingCurrency": "USD", "PricingCurrencyEffectiveCost": "1.5",
                "PricingQuantity": "1.5", "PricingUnit": "USD", "ProviderName": "wavespeed",
                "PublisherName": "wavespeed", "ResourceId": "vidu/q3",
                "ResourceType": "Model", "ServiceCategory": "AI and Machine Learning", "ServiceName": "wavespeed",
                "ServiceSubcategory": "Generative AI", "SubAccountId": "web", "SubAccountName": "web",
                "Tags": #"{"cost_center":"4711","owner":"video \"A\"/é"}"#,
            ])
    }

    @Test("usage without key, model or owner has nulls there")
    func missingParts() throws {
        let row = try row(charge(key: "", model: ""))
        for column in ["SubAccountId", "SubAccountName", "ResourceId", "ResourceType", "Tags"] {
            #expect(row[column] == nil, "\(column)")
        }
        #expect(row["ChargeDescription"] == "Usage")
        #expect(try self.row(charge(owner: Owner(name: "ops")))["Tags"] == #"{"owner":"ops"}"#)
    }

    @Test("usage paid in a virtual currency costs nothing in the billing currency")
    func virtualCurrency() throws {
        let row = try row(charge(.usage, "0.000000000001", in: FocusCurrency(unit: "diem")))
        #expect(row["BilledCost"] == "0" && row["EffectiveCost"] == "0" && row["ListCost"] == "0")
        #expect(row["BillingCurrency"] == "USD" && row["PricingCurrency"] == "DIEM" && row["PricingUnit"] == "DIEM")
        #expect(row["PricingCurrencyEffectiveCost"] == "0.000000000001")
        #expect(row["PricingQuantity"] == "0.000000000001")
        let bundled = try self.row(charge(in: FocusCurrency(unit: "bundled_credits")))
        #expect(bundled["PricingCurrency"] == "BUNDLED_CREDITS" && bundled["PricingUnit"] == "BUNDLED CREDITS")
    }

    @Test("usage in another national currency is billed in that currency")
    func nationalCurrency() throws {
        #expect(FocusCurrency(unit: "bundled_credits") == .virtual("BUNDLED_CREDITS"))
        let row = try row(charge(in: FocusCurrency(unit: "eur")))
        #expect(row["BillingCurrency"] == "EUR" && row["PricingCurrency"] == "EUR" && row["BilledCost"] == "1.5")
    }

    @Test("payments are rows of their own that are part of no cost")
    func payments() throws {
        let topUp = try row(charge(.topUp, "50", key: "", model: ""))
        let refund = try row(charge(.refund, "2", key: ""))
        for row in [topUp, refund] {
            for column in ["BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "PricingCurrencyEffectiveCost"]
            {
                #expect(row[column] == "0", "\(column)")
            }
            #expect(row["ChargeFrequency"] == "One-Time")
        }
        #expect(topUp["ChargeCategory"] == "Purchase" && topUp["x_PaymentAmount"] == "50")
        #expect(topUp["PricingCategory"] == "Standard" && topUp["PricingQuantity"] == "50")
        #expect(refund["ChargeCategory"] == "Credit" && refund["x_PaymentAmount"] == "-2")
        #expect(refund["ChargeDescription"] == "Refund: vidu/q3")
    }

    @Test("a correction is negative usage, of class Correction if it corrects an earlier month")
    func corrections() throws {
        let within = try row(charge(.usage, "-3"))
        #expect(within["ChargeClass"] == nil && within["ChargeDescription"] == "Correction of usage: vidu/q3")
        let earlier = try row(charge(.usage, "-3", isCorrection: true))
        #expect(earlier["ChargeClass"] == "Correction" && earlier["BilledCost"] == "-3")
        #expect(earlier["ChargeCategory"] == "Usage")
    }

    @Test("version 1.4 has service and host provider instead of provider and publisher")
    func versions() {
        let (older, newer) = (FocusVersion.v12.columns, FocusVersion.v14.columns)
        #expect(Set(older).subtracting(newer) == [.providerName, .publisherName])
        #expect(Set(newer).subtracting(older) == [.hostProviderName, .serviceProviderName])
        for columns in [older, newer] {
            let names = columns.map(\.rawValue)
            let custom = names.filter { $0.hasPrefix("x_") }
            #expect(names == names.filter { !custom.contains($0) }.sorted() + custom)
        }
    }

    @Test("a file has each column that its version makes mandatory", arguments: FocusVersion.allCases)
    func mandatoryColumns(version: FocusVersion) {
        let both: Set<String> = [
            "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
            "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
            "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity",
            "PricingUnit", "ServiceCategory", "ServiceName",
        ]
        let own: Set<String> =
            switch version {
            case .v12: ["ProviderName", "PublisherName"]
            case .v14: ["HostProviderName", "ServiceProviderName"]
            }
        #expect(both.union(own).isSubset(of: version.columns.map(\.rawValue)))
    }

    @Test(
        "fields are quoted where the format needs it",
        arguments: [
            (["a", "", "b c"], "a,,b c\n"),
            (["a,b", "say \"hi\"", "one\ntwo"], "\"a,b\",\"say \"\"hi\"\"\",\"one\ntwo\"\n"),
            (["é", "=1+1"], "é,=1+1\n"), ([""], "\n"), (["\r"], "\"\r\"\n"),
        ])
    func quoting(fields: [String], line: String) throws {
        var buffer: [UInt8] = []
        CSVRow.append(fields, to: &buffer)
        #expect(String(decoding: buffer, as: UTF8.self) == line)
        #expect(try CSVTable(line).columns == fields)
    }
}
