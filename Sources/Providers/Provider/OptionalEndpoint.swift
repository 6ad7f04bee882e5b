import Upstream
import UsageModel

extension UpstreamAPI {
    /// Sends a call to an endpoint that an account or an older API may not have.
    ///
    /// - Parameters:
    ///   - mayBeForbidden: whether the endpoint counts as missing for a key that is not permitted to read it.
    ///   - families: the gauges that the source reports.
    /// - Returns: nil on 404, on 410 unless the source has no gauges (it may have existed then, and was closed), and on 403
    ///   from the API itself if `mayBeForbidden`.
    /// - Throws: `UpstreamFailure` for other failures, and for these if the source has gauges of an earlier response,
    ///   because the endpoint then exists: its figures must not disappear, or an alert would resolve.
    func sendIfPresent(
        _ call: UpstreamCall, mayBeForbidden: Bool = false, for families: some Collection<GaugeFamily>,
        _ context: any SyncContext
    ) async throws -> UpstreamResponse? {
        do {
            return try await send(call)
        } catch let failure as UpstreamFailure
            where failure.status == 404 || failure.status == 410 && !families.isEmpty
            || mayBeForbidden && failure.isRefusedByAPI
        {
            for family in families {
                guard try await context.gauges(family).isEmpty else { throw failure }
            }
            if failure.isRefusedByAPI {
                context.remark("\(call.path) is not read: HTTP 403, the key lacks the permission")
            }
            return nil
        }
    }
}

extension UpstreamFailure {
    /// Whether the API itself responded 403 (a deactivated key, a missing permission), rather than a firewall in front of
    /// it.
    var isRefusedByAPI: Bool { status == 403 && reason == .auth }

    /// Whether the API reports that the endpoint does not exist or that the key may not read it. A page of a firewall
    /// with the same status does not count.
    var isUnavailable: Bool { status == 404 || status == 410 || isRefusedByAPI }
}
