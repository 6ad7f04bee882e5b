import UsageModel
import Upstream

@testable import Providers

/// The example response of useapi.net's page "Query Usage Statistics", verbatim, with its list shortened to one row.
enum UseAPIExample {
    static let bot = "google-flow"
    static let date = "2026-02-13"
    /// As on the page, with a no-break space.
    static let config = "[email\u{A0}protected]"

    static let text = """
        {
          "bot": "google-flow",
          "date": "2026-02-13",
          "total": 2402,
          "summary": {
            "from": "2026-02-13T00:00:03.000Z",
            "to": "2026-02-13T23:58:38.000Z",
            "time_span": "23 hours 58 minutes",
            "by_config": {
              "[email protected]": 670,
              "[email protected]": 547,
              "[email protected]": 438,
              "[email protected]": 321,
              "[email protected]": 306,
              "[email protected]": 120
            },
            "by_code": {
              "200": 548,
              "201": 796,
              "400": 130,
              "403": 684,
              "429": 239,
              "500": 3,
              "503": 2
            },
            "by_endpoint": {
              "post-images": 1334,
              "post-videos": 1046,
              "post-videos-upscale": 22
            },
            "by_status": {
              "Created": 796,
              "OK": 548,
              "Forbidden": 684,
              "Too Many Requests": 239,
              "Bad Request": 130,
              "Internal Server Error": 3,
              "Service Unavailable": 2
            },
            "success_rate": "56.0%",
            "avg_msec": 17759,
            "by_model": {
              "veo-3.1-fast-relaxed": 1032,
              "nano-banana-pro": 702,
              "imagen-4": 449,
              "nano-banana": 181,
              "veo-3.1-fast": 14
            },
            "by_captcha_provider": {
              "CapSolver": 4856
            },
            "avg_captcha_retry": 2,
            "by_tier": {
              "PAYGATE_TIER_TWO": 1684,
              "PAYGATE_TIER_ONE": 612,
              "PAYGATE_TIER_NOT_PAID": 106
            },
            "by_sku": {
              "WS_ULTRA": 1430,
              "G1_TIER2": 254,
              "G1_TIER1": 612,
              "G1_FREEMIUM": 106
            },
            "lookup": {
              "tiers": {
                "PAYGATE_TIER_TWO": "Ultra $199",
                "PAYGATE_TIER_ONE": "Pro",
                "PAYGATE_TIER_NOT_PAID": "Free"
              },
              "skus": {
                "WS_ULTRA": "Workspace Ultra",
                "G1_TIER2": "Ultra $199",
                "G1_TIER1": "Pro",
                "G1_FREEMIUM": "Free"
              }
            }
          },
          "data": [
            {
              "timestamp": "2026-02-13T10:30:00.000Z",
              "jobid": "20260213103000-user:123-bot:google-flow",
              "config": "[email protected]",
              "endpoint": "post-images",
              "status": "OK",
              "func": "v1-google-flow-images",
              "code": 200,
              "msec": 5432,
              "model": "imagen-4",
              "captchaProviders": "CapSolver",
              "captchaRetry": 1,
              "tier": "PAYGATE_TIER_TWO",
              "sku": "WS_ULTRA"
            }
          ]
        }
        """
}

extension UpstreamResponse {
    /// Creates a response with a JSON body.
    init(json: String) {
        self.init(status: 200, headers: [:], body: Array(json.utf8))
    }
}

extension UseAPIDay {
    /// Creates a day from one response.
    init(_ answer: UpstreamResponse, bot: String, day: UTCDay) throws {
        var rows = UseAPIRows()
        let document = try UseAPIDocument(answer, day: day, into: &rows)
        self.init(bot: bot, day: day, rows: rows, head: document.head)
    }
}

/// The name and labels of a series.
struct SeriesName: Hashable {
    let family: LedgerFamily
    let labels: [String]
}

/// Returns the sums of cells by series, like the ledger.
func sums(_ cells: [Cell]) -> [SeriesName: ExactDecimal] {
    cells.reduce(into: [:]) {
        $0[SeriesName(family: $1.family, labels: $1.labels), default: .zero] += $1.value
    }
}

extension [Cell] {
    /// Returns the sums of one family's cells by labels.
    func of(_ family: LedgerFamily) -> [[String]: ExactDecimal] {
        filter { $0.family == family }.reduce(into: [:]) { $0[$1.labels, default: .zero] += $1.value }
    }
}
