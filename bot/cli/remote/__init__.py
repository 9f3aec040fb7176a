"""Commands that ask a running bot over its API: nothing here opens its database or its exchange."""
