"""The table of channels: what an account can be on, and how its adapter is made. A new platform has a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from channels import telegram
from channels.contract import Channel
from config.settings import Account

# The name of a channel in the settings, and what its adapter wants to know.
ACCOUNT_KINDS: Mapping[str, type] = {"telegram": telegram.Settings}


def adapter(
    account: Account, *, public_url: str, clock: Callable[[], datetime], commands: Sequence[tuple[str, str]] = ()
) -> Channel:
    """``commands``: those of the menu that a platform may show, with a few words for each."""
    match account.settings:
        case telegram.Settings():
            return telegram.Telegram(
                account.name, account.settings, public_url=public_url, commands=commands, clock=clock
            )
        case other:
            raise AssertionError(f"no adapter for {type(other).__name__}")
