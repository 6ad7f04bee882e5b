import PrometheusExposition
import UsageModel

/// A change to what is shown: the one language between what is known and its rendering.
enum SeriesChange: Sendable, Equatable {
    /// One series of an account has a new value; nil hides it, whatever its labels. They are rendered by whoever tells it,
    /// beside the renderer, which needs them only the first time: a start has many first times.
    case set(family: String, account: Int, key: Int64, labels: LabelSet, value: SampleValue?, created: Timestamp?)
    /// All series of an account in a family are these.
    case replace(family: String, account: Int, samples: [ShownSample])

    /// The family that it belongs to.
    var family: String {
        switch self {
        case .set(let family, _, _, _, _, _), .replace(let family, _, _): family
        }
    }

    /// The account that it belongs to; the exporter's own families have one in name only.
    var account: Int {
        switch self {
        case .set(_, let account, _, _, _, _), .replace(_, let account, _): account
        }
    }
}

/// A series as it is to be shown.
struct ShownSample: Sendable, Equatable {
    let labels: [String]
    let value: SampleValue
    var created: Timestamp?

    init(_ labels: [String], _ value: Double, created: Timestamp? = nil) {
        self.init(labels, .number(value), created: created)
    }

    init(_ labels: [String], _ value: SampleValue, created: Timestamp? = nil) {
        self.labels = labels
        self.value = value
        self.created = created
    }
}
