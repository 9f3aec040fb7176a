"""Live orders: requests, outcomes, the fence, the venue."""
