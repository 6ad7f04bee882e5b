import Crypto
import ExporterCore
import Foundation
import Hummingbird
import NIOCore
import UsageModel

/// The status page at `/`: cost, balance and sync state of each account.
///
/// It is rendered on the server, needs no scripts and no other requests, and supports keyboards, screen readers, phones
/// and dark mode. Days and times are UTC, as in the metrics.
struct StatusPage {
    let accounts: [AccountOverview]
    /// Budgets that several accounts may share.
    var budgets: [AccountOverview.Budget] = []
    let telemetryPath: String
    /// Prefix of links, if a reverse proxy serves the exporter at a sub-path.
    var linkPrefix = ""
    let now: Timestamp
    /// Problems of the exporter itself.
    var notices: [String] = []

    /// Allows only the page's style sheet, identified by its hash.
    static let contentSecurityPolicy: String = {
        let digest = Data(SHA256.hash(data: Data(StatusStyle.css.utf8))).base64EncodedString()
        return "default-src 'none'; style-src 'sha256-\(digest)'; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'"
    }()

    var html: String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>GenAI usage exporter</title>
        <style>\(StatusStyle.css)</style>
        </head>
        <body>
        <header>
        <h1>GenAI usage exporter</h1>
        <p>\(summary) Days and times are UTC; now \(now.clockText).</p>
        <nav aria-label="Pages"><a href="\(escaped(linkPrefix + telemetryPath))">Metrics</a> \
        <a href="\(escaped(linkPrefix + Route.ready.path))">Readiness</a></nav>
        \(notices.map { "<p class=\"notice\" role=\"alert\">\(escaped($0))</p>" }.joined(separator: "\n"))
        </header>
        <main>
        \(AccountsTable(accounts: accounts).html)
        \(SharedBudgets(budgets: budgets).html)
        \(accounts.enumerated().map { AccountSection(account: $1, number: $0, now: now).html }.joined(separator: "\n"))
        </main>
        <footer><p>Version \(escaped(BuildInformation.version)). Exact sums of what the providers' APIs \
        reported, in USD; not an invoice.</p></footer>
        </body>
        </html>

        """
    }

    private var summary: String {
        let down = accounts.filter(\.isFailing).count
        let count = "\(accounts.count) account\(accounts.count == 1 ? "" : "s")"
        guard down == 0 else { return "\(count), \(down) with a failing source." }
        let isTried = accounts.allSatisfy { $0.sources.allSatisfy { $0.status.isUp != nil } }
        return isTried ? "\(count), no failing source." : "\(count), not every source was tried yet."
    }
}

extension Timestamp {
    /// Format `2026-11-20 15:04`.
    var clockText: String {
        String(description.prefix(16)).replacingOccurrences(of: "T", with: " ")
    }
}

extension Duration {
    /// `12 s`, `5 min`, `3 h`, `2 days`: the largest unit that fits.
    var roughText: String {
        let seconds = Int(saturating: inSeconds.magnitude)
        if seconds < 90 { return "\(seconds) s" }
        if seconds < 5400 { return "\(seconds / 60) min" }
        return seconds < 172_800 ? "\(seconds / 3600) h" : "\(seconds / 86_400) days"
    }
}

extension Double {
    /// `$1,234.50`; four decimals below a dollar, because cents would be too coarse.
    var dollarText: String { (self < 0 ? "-$" : "$") + magnitude.amountText }

    /// `1,234.50`; four decimals below 1.
    var amountText: String {
        let sign = self < 0 ? "-" : ""
        let places = magnitude < 1 && magnitude > 0 ? 4 : 2
        var scaled = (magnitude * (places == 4 ? 10_000 : 100)).rounded()
        guard scaled < 1e15 else { return "\(sign)\(magnitude)" }
        let unit = places == 4 ? 10_000.0 : 100.0
        let whole = (scaled / unit).rounded(.down)
        scaled -= whole * unit
        var digits = String(Int(saturating: whole))
        var offset = digits.count - 3
        while offset > 0 {
            digits.insert(",", at: digits.index(digits.startIndex, offsetBy: offset))
            offset -= 3
        }
        let fraction = String(Int(saturating: scaled))
        return "\(sign)\(digits)." + String(repeating: "0", count: places - fraction.count) + fraction
    }
}

/// Caches the rendered status page, so that it is rendered at most once a second, and all clients share one copy.
actor StatusPageCache {
    /// Maximum age of a cached page, which shows no finer times.
    static let lifetime = Duration.seconds(1)

    private let now: @Sendable () -> ContinuousClock.Instant
    private var newest: (page: Task<ByteBuffer, any Error>, requested: ContinuousClock.Instant)?

    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.now = now
    }

    /// Returns the cached page, or a new one if it is too old.
    ///
    /// - Parameter make: renders a page.
    /// - Throws: what `make` throws, to all callers that waited for it.
    func newest(_ make: @escaping @Sendable () async throws -> String) async throws -> ByteBuffer {
        if let newest, now() - newest.requested < Self.lifetime { return try await newest.page.value }
        let page = Task { ByteBuffer(string: try await make()) }
        newest = (page, now())
        return try await page.value
    }
}

extension Endpoints {
    /// Serves the status page.
    func statusPage() async throws -> Response {
        let page = try await pages.newest {
            StatusPage(
                accounts: try await exporter.overview(), budgets: await exporter.sharedBudgets(),
                telemetryPath: options.telemetryPath, linkPrefix: options.routes.linkPrefix,
                now: exporter.now, notices: await notices
            ).html
        }
        var response = Response.bytes(page, type: "text/html; charset=utf-8")
        response.headers[.contentSecurityPolicy] = StatusPage.contentSecurityPolicy
        return response
    }

    /// Problems of the exporter itself, for the status page.
    private var notices: [String] {
        get async {
            var notices: [String] = []
            if await !exporter.isConfigurationCurrent {
                notices.append("The config file could not be applied: an older one is active. See the log.")
            }
            if !settings.isCurrent {
                notices.append("The web config file cannot be used: an older one is active. See the log.")
            }
            return notices
        }
    }
}

/// Escapes text for HTML element content and quoted attributes.
///
/// The values come from providers and configs: they must not become markup, or change the reading order of the text
/// around them. Bidirectional control characters are replaced by their code points.
func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        case _ where scalar.properties.isBidiControl:
            result += "[U+\(String(scalar.value, radix: 16, uppercase: true))]"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
