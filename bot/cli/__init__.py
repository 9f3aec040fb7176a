"""The commands of `python -m bot`; those around a running bot are in `remote`."""
