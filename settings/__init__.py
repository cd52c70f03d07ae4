"""The typed configuration of a stack."""

from settings.errors import SettingsError
from settings.load import PROJECT, load, load_connections, parse, stack_id
from settings.stack import Settings

__all__ = ["PROJECT", "Settings", "SettingsError", "load", "load_connections", "parse", "stack_id"]
