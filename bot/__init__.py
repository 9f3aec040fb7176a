"""The trading bot: a pure core, adapters around it, one cycle that joins them."""
