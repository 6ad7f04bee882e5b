import UsageModel

/// Prepaid money that usage eats up, and that is topped up when it runs low.
package struct PrepaidBalance: Sendable, Hashable {
    /// USD at the beginning.
    package let opening: ExactDecimal
    /// Below so many USD the account is topped up; nil where nobody does.
    package let topUp: TopUp?

    /// When and by how much an account is topped up, in USD.
    package struct TopUp: Sendable, Hashable {
        /// Below this the account is topped up.
        package let below: ExactDecimal
        /// By this much, as often as it takes.
        package let amount: ExactDecimal

        /// A rule; an amount of zero or less never tops up.
        package init(below: ExactDecimal, amount: ExactDecimal) {
            self.below = below
            self.amount = amount
        }
    }

    /// A balance.
    package init(opening: ExactDecimal, topUp: TopUp? = nil) {
        self.opening = opening
        self.topUp = topUp
    }

    /// What is left after so much was spent since the beginning, in USD: opening 100, topped up by 50 below 20, is 60
    /// after 40, 65 after 85 (15 topped up once), 20 after 130.
    package func remaining(afterSpending spent: ExactDecimal) -> ExactDecimal {
        var left = opening - spent
        guard let topUp, topUp.amount > .zero else { return left }
        while left < topUp.below { left += topUp.amount }
        return left
    }
}
