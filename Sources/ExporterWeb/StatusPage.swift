import ExporterCore
import UsageModel

/// The page for people at `/`: which accounts are read and how that goes.
struct StatusPage {
    let accounts: [AccountOverview]
    let telemetryPath: String

    var html: String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>GenAI usage exporter</title>
        </head>
        <body>
        <main>
        <h1>GenAI usage exporter</h1>
        <p><a href="\(escaped(telemetryPath))">Metrics</a> · version \(escaped(BuildInformation.version))</p>
        <table>
        <caption>Accounts and their sources (times in UTC)</caption>
        <thead><tr><th scope="col">Account</th><th scope="col">Provider</th><th scope="col">Source</th>\
        <th scope="col">State</th><th scope="col">Data through</th><th scope="col">Last error</th></tr></thead>
        <tbody>
        \(accounts.flatMap(rows).joined(separator: "\n"))
        </tbody>
        </table>
        </main>
        </body>
        </html>

        """
    }

    private func rows(of account: AccountOverview) -> [String] {
        account.sources.map { source in
            let state = source.status.isUp.map { $0 ? "up" : "down" } ?? "not tried yet"
            let cells = [
                account.name, account.provider, source.name, state, source.status.dataThrough?.description ?? "–",
                source.status.lastError ?? "",
            ]
            return "<tr>" + cells.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>"
        }
    }

    private func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
