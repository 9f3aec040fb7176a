"""Who may ask what: tokens, hosts, origins, headers, throttling."""
