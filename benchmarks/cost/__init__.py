"""What requests cost, however nasty: budgets, a generator of inputs, and what measures them."""
