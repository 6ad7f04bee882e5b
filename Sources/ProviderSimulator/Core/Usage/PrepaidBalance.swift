import UsageModel

/// A prepaid balance that usage reduces, with automatic top-up.
package struct PrepaidBalance: Sendable, Hashable {
    /// Initial balance in USD.
    package let opening: ExactDecimal
    /// Automatic top-up; nil for none.
    package let topUp: TopUp?

    /// Threshold and amount of the automatic top-up, in USD.
    package struct TopUp: Sendable, Hashable {
        package let below: ExactDecimal
        /// Added as often as needed to reach the threshold.
        package let amount: ExactDecimal

        /// An amount of zero or less disables the top-up.
        package init(below: ExactDecimal, amount: ExactDecimal) {
            self.below = below
            self.amount = amount
        }
    }

    package init(opening: ExactDecimal, topUp: TopUp? = nil) {
        self.opening = opening
        self.topUp = topUp
    }

    /// The balance in USD after spending `spent` in total: opening 100, topped up by 50 below 20, is 60 after 40, 65
    /// after 85 (topped up once from 15), 20 after 130.
    package func remaining(afterSpending spent: ExactDecimal) -> ExactDecimal {
        var left = opening - spent
        guard let topUp, topUp.amount > .zero else { return left }
        while left < topUp.below { left += topUp.amount }
        return left
    }
}
