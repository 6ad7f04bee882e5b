import ConfigReading
import Upstream
import UsageModel

/// OpenRouter: cost, requests and tokens by key, model and UTC hour, the balance, top-ups, and keys with their budgets.
///
/// An account has a management key, which reads everything, or inference keys, which only read their own totals.
package enum OpenRouter: Provider {
    package typealias Options = OpenRouterOptions

    package static let name = "openrouter"

    /// The base URL in OpenRouter's documentation.
    package static let defaultBaseURL = "https://openrouter.ai"

    /// The documentation allows 64 analytics queries a minute; the rest is left to others who use the key.
    package static let requestsPerMinute: Int? = 60

    /// A management key reads the keys of all workspaces.
    package static let readsWholeOrganization = true

    package static let families = UsageFamilies(ledger: [.openRouterOwnKeyCost])
}

extension LedgerFamily {
    /// Money that another vendor bills. It is never part of the cost.
    static let openRouterOwnKeyCost = LedgerFamily(
        "genai_openrouter_byok_cost_usd_total", .amount, ["key", "model"],
        "USD of inference with own keys of other vendors (BYOK), estimated by OpenRouter; not part of genai_cost_usd_total."
    )
}

/// The options of an OpenRouter account.
package struct OpenRouterOptions: ProviderOptions {
    package static let configKeys = SecretReader.keys("management_key") + ["keys"]

    package var managementKey: SecretSource?
    /// The inference keys; empty with a management key.
    package var keys: [KeyConfiguration] = []

    package init(managementKey: SecretSource? = nil) { self.managementKey = managementKey }

    package init(_ mapping: ConfigurationMapping, secrets: SecretReader) {
        managementKey = secrets.secret("management_key", in: mapping)
        keys = KeyConfiguration.credentialed(in: mapping, secrets: secrets)
        let listsKeys = mapping["keys"]?.list(of: "keys")?.isEmpty == false
        if SecretReader.isNamed("management_key", in: mapping) {
            guard listsKeys else { return }
            mapping["keys"]?.problem("the management key reads all keys: remove keys, or the management key")
        } else if !listsKeys {
            let ways = SecretReader.keys("management_key").joined(separator: ", ")
            mapping.value.problem("missing key: expected one of \(ways), or keys")
        }
    }

    package var credentials: [AccountCredential: SecretSource] {
        var credentials: [AccountCredential: SecretSource] = [:]
        credentials[.management] = managementKey
        for key in keys { credentials[.key(key.name)] = key.credential }
        return credentials
    }

    /// Returns `analytics`, `credits` and `keys` with a management key, else `key`.
    package func sources(for account: ProviderAccount) -> [any UsageSource] {
        guard managementKey != nil else {
            let keys = keys.filter { $0.credential != nil }.map { key in
                OpenRouterKeySource.Key(
                    name: key.name, api: account.api(for: OpenRouterKeySource.endpoint, with: .key(key.name)))
            }
            return keys.isEmpty ? [] : [OpenRouterKeySource(keys: keys)]
        }
        func api(for source: String) -> any UpstreamAPI { account.api(for: source, with: .management) }
        return [
            OpenRouterAnalyticsSource(api: api(for: OpenRouterAnalyticsSource.endpoint)),
            OpenRouterCreditsSource(api: api(for: OpenRouterCreditsSource.endpoint)),
            OpenRouterKeysSource(api: api(for: OpenRouterKeysSource.endpoint)),
        ]
    }
}

extension UpstreamCall {
    /// The same call with OpenRouter's meaning of 403.
    var openRouter: UpstreamCall {
        explained(by: [
            403: StatusMeaning(
                .auth,
                "the key lacks permission: a management key is needed, from openrouter.ai/settings/management-keys")
        ])
    }
}

/// A response of OpenRouter: `{"data": …}`.
struct OpenRouterEnvelope<Payload: Decodable>: Decodable {
    let data: Payload

    /// Decodes the payload of a response.
    static func payload(of response: UpstreamResponse, _ context: any SyncContext) throws -> Payload {
        try JSONBody.decode(Self.self, from: response) { context.remark($0) }.data
    }
}
