/// A version of FOCUS, the FinOps Open Cost and Usage Specification.
package enum FocusVersion: String, Sendable, CaseIterable {
    case v12 = "1.2"
    case v14 = "1.4"

    /// The columns of a file in this version, in order: those of the specification by name, then custom ones.
    var columns: [FocusColumn] {
        FocusColumn.allCases.filter { column in
            switch column {
            case .providerName, .publisherName: self == .v12
            case .hostProviderName, .serviceProviderName: self == .v14
            default: true
            }
        }
    }
}
