"""Settings: every knob of the service, its default and what it may be.

The only reader of the environment and of `.env`. A wrong value stops the start with one line
per problem; the value of a secret is never shown. Each group of settings is a module.
"""

from bot.config.loading import SettingsError, load, misspelt
from bot.config.settings import Settings

__all__ = ["VERSION", "Settings", "SettingsError", "load", "misspelt"]

VERSION = "1.0.0"
