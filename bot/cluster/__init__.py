"""Which process trades: leader election and operator flags."""
