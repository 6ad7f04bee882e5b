import ConfigReading
import ExporterCore
import NIOSSL

/// Reads `tls_server_config` and loads the certificates, so that an unusable one is reported at startup.
struct TLSSection {
    /// The web config file; relative paths start at its folder.
    let file: String
    let files: any FileReading
    let isHTTP2: Bool

    private static let keys = [
        "cert_file", "key_file", "cert", "key", "client_auth_type", "client_ca_file", "client_ca",
        "client_allowed_sans", "cipher_suites", "curve_preferences", "min_version", "max_version",
        "prefer_server_cipher_suites",
    ]

    /// Reads the settings; nil if the section does not enable TLS, or has a problem, which is then in its problem log.
    func read(_ section: ConfigurationValue?) -> TLSSettings? {
        guard let section, let mapping = section.mapping() else { return nil }
        mapping.rejectUnknownKeys(known: Self.keys)
        let certificate = material(mapping, "cert", secret: false)
        let key = material(mapping, "key", secret: true)
        let authorities = material(mapping, "client_ca", secret: false)
        let policy = mapping["client_auth_type"]?.choice(TLSSettings.ClientPolicy.self)
        let enablesTLS = Set(mapping.entries.map(\.key)).intersection(Self.keys.prefix(7))
        guard !enablesTLS.isEmpty else { return nil }
        guard let certificate else {
            if mapping["cert_file"] == nil, mapping["cert"] == nil { section.problem("missing cert_file") }
            return nil
        }
        guard let key else {
            if mapping["key_file"] == nil, mapping["key"] == nil { section.problem("missing key_file") }
            return nil
        }
        var settings = TLSSettings(certificate: certificate, key: key)
        settings.isHTTP2 = isHTTP2
        settings.clientPolicy = policy ?? .none
        settings.clientAuthorities = authorities
        settings.allowedNames = list(mapping["client_allowed_sans"], of: "names")
        settings.ciphers = named(mapping["cipher_suites"], among: TLSNames.ciphers, as: "cipher")
        settings.curves = named(mapping["curve_preferences"], among: TLSNames.curves, as: "curve")
        if let version = version(mapping["min_version"]) { settings.minimum = version }
        if let version = version(mapping["max_version"]) { settings.maximum = version }
        // Ignored, as Go has done since 1.17: the server's order applies.
        _ = mapping["prefer_server_cipher_suites"]?.boolean()
        check(settings, mapping, section)
        return settings
    }

    private func check(_ settings: TLSSettings, _ mapping: ConfigurationMapping, _ section: ConfigurationValue) {
        if settings.clientPolicy == .none, settings.clientAuthorities != nil {
            section.problem(
                "client CAs are given, but client_auth_type does not request certificates: set it to "
                    + "RequireAndVerifyClientCert or VerifyClientCertIfGiven")
        }
        if !settings.allowedNames.isEmpty,
            ![.requireAny, .require, .requireAndVerify].contains(settings.clientPolicy)
        {
            mapping["client_allowed_sans"]?.problem(
                "client_auth_type admits clients without a certificate, so there is no name to check: set it to "
                    + "RequireAndVerifyClientCert or RequireAnyClientCert")
        }
        if settings.minimum.order > settings.maximum.order {
            mapping["min_version"]?.problem("min_version is above max_version")
        }
        if isHTTP2, let ciphers = settings.ciphers, settings.minimum.order < TLSVersion.tlsv13.order,
            TLSNames.http2Ciphers.isDisjoint(with: ciphers)
        {
            mapping["cipher_suites"]?.problem(
                "missing a cipher that HTTP/2 requires: add TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or "
                    + "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, or set http2: false")
        }
        guard section.log.problems.isEmpty else { return }
        do {
            _ = try ServerTLS(settings, files: files)
        } catch {
            let value = error.part.flatMap { mapping[$0.rawValue + "_file"] ?? mapping[$0.rawValue] }
            let isRepeatable = error.file == nil || value?.isRepeatablePath == true
            (value ?? section).problem(isRepeatable ? error.description : error.reason)
        }
    }

    /// `NAME_file: path`, or `NAME:` with inline PEM text.
    private func material(_ mapping: ConfigurationMapping, _ name: String, secret: Bool) -> TLSSettings.Material? {
        let (path, text) = (mapping[name + "_file"], mapping[name])
        if let path, text != nil {
            path.problem("\(name)_file and \(name) are both given: keep one")
            return nil
        }
        if var text {
            text.isSecret = secret
            return text.text("PEM text").map { .text($0) }
        }
        return path?.text("a file's path").map { .file(resolvedPath($0, besides: file)) }
    }

    private func list(_ value: ConfigurationValue?, of what: String) -> [String] {
        (value?.list(of: what) ?? []).compactMap { $0.text("a name") }
    }

    private func named<Element>(
        _ value: ConfigurationValue?, among known: [String: Element], as what: String
    ) -> [Element]? {
        guard let items = value?.list(of: "\(what)s"), !items.isEmpty else { return nil }
        let elements: [Element] = items.compactMap { item in
            guard let name = item.text("a \(what)") else { return nil }
            guard let element = known[name] else {
                item.mismatch("a \(what), one of \(known.keys.sorted().joined(separator: ", "))")
                return nil
            }
            return element
        }
        return elements.count == items.count ? elements : nil
    }

    private func version(_ value: ConfigurationValue?) -> TLSVersion? {
        guard let value, let name = value.text("a TLS version") else { return nil }
        guard let version = TLSNames.versions[name] else {
            value.mismatch("one of TLS10, TLS11, TLS12, TLS13")
            return nil
        }
        return version
    }
}

extension TLSVersion {
    fileprivate var order: Int {
        switch self {
        case .tlsv1: 0
        case .tlsv11: 1
        case .tlsv12: 2
        case .tlsv13: 3
        }
    }
}
