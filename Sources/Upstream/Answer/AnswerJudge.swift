import UsageModel

/// Decides what an answer is: usable, a redirect to follow, or a failure in plain words. A pure value.
struct AnswerJudge: Sendable {
    let call: UpstreamCall
    let settings: UpstreamSettings
    let redaction: Redaction

    /// The most redirects that one attempt follows.
    static let maximumRedirects = 3

    enum Verdict {
        case answer(UpstreamAnswer)
        case redirect(to: String)
        case failure(UpstreamFailure, RetryPolicy.Outcome)
    }

    /// Decides.
    ///
    /// - Parameters:
    ///   - answer: the answer as it came.
    ///   - url: where it came from: a relative redirect counts from there.
    ///   - redirects: how many redirects led there.
    ///   - now: the present moment, for `Retry-After`.
    func verdict(on answer: RawAnswer, url: String, redirects: Int, now: Timestamp) -> Verdict {
        switch answer.status {
        case 200...299:
            guard !HTMLPage.isHTML(headers: answer.headers, body: answer.body) else {
                return .failure(failure(.decode, answer, HTMLPage.hint), .conclusive)
            }
            return .answer(UpstreamAnswer(status: answer.status, headers: answer.headers, body: answer.body))
        case 300...399:
            return redirected(answer, url: url, redirects: redirects)
        default:
            return failed(answer, now: now)
        }
    }

    /// A failure without an answer, in the caller's words.
    func failure(_ network: NetworkFailure) -> UpstreamFailure {
        UpstreamFailure(reason: network.reason, message: message(network.message))
    }

    private func redirected(_ answer: RawAnswer, url: String, redirects: Int) -> Verdict {
        guard let location = answer.headers.first(name: "Location"),
            let target = RedirectTarget(location: location, from: url)
        else {
            return .failure(
                failure(.http4xx, answer, "HTTP \(answer.status) without a usable Location"), .conclusive)
        }
        guard target.origin == settings.baseURL.origin else {
            return .failure(
                failure(
                    .http4xx, answer,
                    "HTTP \(answer.status) redirects to \(target.origin), which is not followed, since the key must "
                        + "not go elsewhere: set base_url to it if that is the API's new address"), .conclusive)
        }
        guard call.method == .get else {
            return .failure(
                failure(.http4xx, answer, "HTTP \(answer.status) redirects a POST, which is not followed"), .conclusive)
        }
        guard redirects < Self.maximumRedirects else {
            return .failure(
                failure(.http4xx, answer, "more than \(Self.maximumRedirects) redirects, one after the other"),
                .conclusive)
        }
        return .redirect(to: target.url)
    }

    private func failed(_ answer: RawAnswer, now: Timestamp) -> Verdict {
        let retryAfter = answer.headers.first(name: "Retry-After").flatMap { RetryAfter($0, now: now) }
        let isHTML = HTMLPage.isHTML(headers: answer.headers, body: answer.body)
        let apiMessage = isHTML ? nil : ErrorBody.message(in: answer.body, redaction: redaction)
        let meaning: StatusMeaning
        if [401, 403].contains(answer.status), isHTML || HTMLPage.isChallenge(answer.headers, body: answer.body) {
            meaning = .interposed
        } else {
            meaning = call.meanings[answer.status] ?? StatusMeaning(of: answer.status, isHTML: isHTML)
        }
        var text = "HTTP \(answer.status): \(meaning.text)"
        if let apiMessage { text += "; the API says: \(apiMessage)" }
        let failure = failure(
            meaning.reason, answer, text, retryAfter: retryAfter?.wait(from: now), apiMessage: apiMessage,
            isLasting: meaning.isLasting)
        return .failure(failure, .status(answer.status, retryAfter: retryAfter))
    }

    private func failure(
        _ reason: FailureReason, _ answer: RawAnswer, _ text: String, retryAfter: Duration? = nil,
        apiMessage: String? = nil, isLasting: Bool? = nil
    ) -> UpstreamFailure {
        UpstreamFailure(
            reason: reason, status: answer.status, headers: answer.headers.mapValues { redaction.applied(to: $0) },
            retryAfter: retryAfter, apiMessage: apiMessage, message: message(text), isLasting: isLasting)
    }

    /// What was asked of whom, and what came of it; never the query.
    private func message(_ text: String) -> String {
        let proxy = settings.proxy.map { " through the proxy \($0)" } ?? ""
        return redaction.applied(
            to: "\(call.method.rawValue) \(settings.baseURL.path)\(call.path) at \(settings.baseURL.origin)\(proxy): "
                + text)
    }
}
