"""What real systems deliver, turned into the contract's files inside a load's private workplace."""
