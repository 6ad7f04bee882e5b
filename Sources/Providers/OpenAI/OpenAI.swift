import ConfigReading
import UsageModel
import Upstream

/// OpenAI: cost by key, model and line item, requests and tokens by key and model, each by UTC day; the keys of projects,
/// the spend limit, and the rate limits of one project.
package enum OpenAI: Provider {
    package typealias Options = OpenAIOptions

    package static let name = "openai"

    /// The base URL in OpenAI's documentation.
    package static let defaultBaseURL = "https://api.openai.com"

    package static let readsWholeOrganization = true

    /// No limit is documented. It paces a listing of the keys of many projects.
    package static let requestsPerMinute: Int? = 60

    package static let families = UsageFamilies(ledger: [.openAILineItemCost])

    /// Returns a call with the meanings of refusals.
    static func call(_ path: String, query: [(name: String, value: String)] = []) -> UpstreamCall {
        UpstreamCall(.get, path, query: query).explained(by: meanings)
    }

    private static let meanings = [
        401: StatusMeaning(
            .auth, "the API key is missing or wrong: an admin key of the organization (sk-admin-…) is needed"),
        403: StatusMeaning(
            .auth,
            "the API key lacks permission to read this: an admin key of the organization (sk-admin-…) is needed; "
                + "a restricted one needs the permission for this"),
    ]
}

extension LedgerFamily {
    static let openAILineItemCost = LedgerFamily(
        "genai_openai_line_item_cost_usd_total", .amount, ["key", "line_item"],
        "USD charged by key and OpenAI line item; another view of genai_cost_usd_total, not an addition to it.")
}

/// The options of an OpenAI account.
package struct OpenAIOptions: ProviderOptions {
    package static let configKeys = SecretReader.keys("api_key") + ["project_ids"]

    /// An admin key of the organization.
    package var key: SecretSource?
    /// The projects that are read; empty for all of the organization.
    package var projects: [String] = []

    package init(key: SecretSource?) { self.key = key }

    package init(_ mapping: ConfigurationMapping, secrets: SecretReader) {
        let expected = "is refused here: an admin key of the organization (sk-admin-…) is expected"
        key = secrets.requiredSecret(
            "api_key", in: mapping,
            otherKinds: [
                "sk-proj-": "a key of a project \(expected)", "sk-svcacct-": "a key of a service account \(expected)",
            ])
        projects =
            mapping["project_ids"]?.distinctTexts(of: "ids of projects such as proj_abc", read: { $0.identifier() })
            ?? []
    }

    package var credentials: [AccountCredential: SecretSource] { key.map { [.account: $0] } ?? [:] }

    package var scope: [String] { projects }

    /// Returns the sources `costs`, `usage` and `keys`; `spend_limit` for an account of all projects or of one; and
    /// `rate_limits` for an account of one project, because the limits of several would share their labels.
    package func sources(for account: ProviderAccount) -> [any UsageSource] {
        let keys = OpenAIKeyDirectory(api: account.api(for: OpenAIKeysSource.endpoint), projects: projects)
        let sources: [any UsageSource] = [
            OpenAICostsSource(
                api: account.api(for: OpenAICostsSource.endpoint), projects: projects, keys: keys),
            OpenAIUsageSource(
                api: account.api(for: OpenAIUsageSource.endpoint), projects: projects, keys: keys),
            OpenAIKeysSource(keys: keys),
        ]
        guard projects.count <= 1 else { return sources }
        let limit = OpenAISpendLimitSource(
            api: account.api(for: OpenAISpendLimitSource.endpoint), project: projects.first)
        guard let project = projects.first else { return sources + [limit] }
        return sources + [
            limit,
            OpenAIRateLimitsSource(api: account.api(for: OpenAIRateLimitsSource.endpoint), project: project),
        ]
    }
}
