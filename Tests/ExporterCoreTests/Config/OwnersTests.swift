import ExporterCore
import Testing

/// Tests of which owner has a key.
@Suite struct OwnersTests {
    private static let owners = Owners([
        claim("video", in: "media"),
        claim("ci", "ci-*"),
        claim("release", "ci-prod-*"),
        claim("web", "web"),
        claim("media-ci", "ci-*", in: "media"),
        claim("media-web", "web", in: "media"),
        claim("everything", "*"),
    ])

    private static func claim(_ owner: String, _ keys: String? = nil, in account: String? = nil) -> Owners.Claim {
        Owners.Claim(
            Owner(name: owner), accounts: account.map { [$0] } ?? [], keys: keys.map { NamePattern($0) })
    }

    @Test(
        "the most specific entry counts: literal key, narrower pattern, account; then the one restricted to accounts",
        arguments: [
            ("stack", "web", "web"), ("media", "web", "media-web"), ("stack", "ci-7", "ci"),
            ("media", "ci-7", "media-ci"), ("stack", "ci-prod-7", "release"), ("media", "ci-prod-7", "release"),
            ("stack", "other", "everything"), ("media", "other", "everything"), ("media", "", "video"),
            ("stack", "", nil),
        ])
    func specificity(account: String, key: String, expected: String?) {
        #expect(Self.owners.owner(account: account, key: key, shownAs: key)?.name == expected)
    }

    @Test("an entry may list a key as the provider names it or as it is exported")
    func bothNames() {
        let owners = Owners([Self.claim("a", "a@example.com"), Self.claim("b", "team-b")])
        #expect(owners.owner(account: "x", key: "a@example.com", shownAs: "h:0123456789abcdef")?.name == "a")
        #expect(owners.owner(account: "x", key: "b@example.com", shownAs: "team-b")?.name == "b")
        #expect(owners.owner(account: "x", key: "c@example.com", shownAs: "c") == nil)
    }

    @Test("without owners no key has one")
    func none() {
        #expect(Owners().owner(account: "media", key: "web", shownAs: "web") == nil)
    }
}
