import ProviderSimulator
import UsageModel

/// Acme's API: the same 2 USD of one model every day in the south, nothing in the north.
struct AcmeAPI: SimulatedProvider {
    let name = "acme"

    func account(ofToken token: String) -> String? { token == "acme-token-1" ? "one" : nil }

    func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse {
        guard request.account != nil else { return error(401, "no token") }
        switch request.endpoint {
        case "/spend":
            let row: JSONValue = [
                "model": "anvil", "usd": .number(ExactDecimal(2)), "calls": .count(5), "explosions": .count(2),
            ]
            return SimulatedResponse(body: ["rows": .array(request.query["region"] == "south" ? [row] : [])])
        case "/wallet": return SimulatedResponse(body: ["usd": .number(ExactDecimal(40)), "coyotes": .count(1)])
        default: return error(404, "no such path")
        }
    }

    func error(_ status: Int, _ message: String) -> SimulatedResponse {
        SimulatedResponse(status: status, body: ["error": .string(message)])
    }
}
