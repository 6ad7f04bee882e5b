import UsageModel

/// Reads the section `labels`, of the document or of an account.
enum LabelsSection {
    /// The labels whose values come from a provider and can be renamed; the others are words of our own.
    static let renamable = ["key", "model", "bot", "plan", "modality"]

    /// The section, with what it does not say as inherited; an account's new names join the inherited ones.
    static func read(_ section: ConfigurationValue?, inherited: LabelOptions) -> LabelOptions {
        var options = inherited
        guard let section, let mapping = section.mapping() else { return options }
        mapping.rejectUnknownKeys(known: ["hash_keys", "rename"])
        if let value = mapping["hash_keys"]?.boolean() { options.hashKeys = value }
        guard let labels = mapping["rename"]?.mapping() else { return options }
        labels.rejectUnknownKeys(known: renamable)
        for label in labels.entries where renamable.contains(label.key) {
            for name in label.value.mapping()?.entries ?? [] {
                guard let shown = name.value.text("the new name as text") else { continue }
                guard shown.utf8.count <= 1024, !shown.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
                    name.value.problem("expected a name of at most 1024 bytes on one line")
                    continue
                }
                options.rename[label.key, default: [:]][name.key] = shown
            }
        }
        return options
    }
}
