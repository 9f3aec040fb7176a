"""`python -m tests.support.pure_decimal ARGUMENTS…`: pytest with pure-Python decimal.

It is what a Python without C's has, and reads formats as the newest ones do. Slower by far, so
only the tests of money are run on it (`make money`).
"""

import sys

sys.modules["_decimal"] = None  # type: ignore[assignment]  # as if it had not been built

import decimal  # noqa: E402  # after what it would take

import pytest  # noqa: E402

if __name__ == "__main__":
    if decimal.HAVE_THREADS and "_pydecimal" not in sys.modules:
        sys.exit("this is still C's decimal")
    sys.exit(pytest.main(sys.argv[1:]))
