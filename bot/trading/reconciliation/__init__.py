"""The account against the exchange's: positions, cash, fees, and what an operator adopts."""
