import ProviderSimulator

/// A hostile behavior of an API, or of a server that replaces it.
struct Hostility: Sendable, CustomStringConvertible {
    enum Outcome: Sendable {
        /// The sync fails with this reason, and its message contains one of these texts.
        case refused(String, saying: [String])
        /// The sync succeeds, and its data is served.
        case taken
    }

    let description: String
    let fault: Fault
    let outcome: Outcome

    /// Behaviors that every provider's account must withstand.
    static let all = [
        Hostility(
            description: "a body of 10 GB", fault: .hugeBody(bytes: 10 << 30),
            outcome: .refused("decode", saying: ["the response exceeds the limit"])),
        Hostility(
            description: "a gzip body that expands to 10 GB", fault: .gzipBomb(mebibytes: 10 << 10),
            outcome: .refused("decode", saying: ["the response exceeds the limit"])),
        Hostility(
            description: "JSON a million deep", fault: .deepJSON(depth: 1_000_000),
            outcome: .refused("decode", saying: ["nested too deeply", "expected an object"])),
        Hostility(
            description: "a million models", fault: .crowd(1_000_000),
            outcome: .refused("decode", saying: ["the response exceeds the limit"])),
        Hostility(
            description: "names of 100,000 characters", fault: .altered(.longNames(characters: 100_000)),
            outcome: .taken),
        Hostility(
            description: "names that are not UTF-8", fault: .altered(.invalidUTF8),
            outcome: .refused("decode", saying: ["not valid UTF-8"])),
        Hostility(
            description: "negative amounts", fault: .altered(.negativeAmounts), outcome: .taken),
        Hostility(
            description: "amounts of 1e300", fault: .altered(.amounts("1e300")),
            outcome: .refused("decode", saying: ["a number out of range"])),
        Hostility(
            description: "amounts at the end of 64 bits", fault: .altered(.amounts("9223372036854775807")),
            outcome: .refused("decode", saying: ["a number out of range"])),
    ]
}
