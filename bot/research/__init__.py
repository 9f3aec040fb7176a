"""Learning from tapes: datasets, training, evaluation. Imports the bot, never the other way."""
