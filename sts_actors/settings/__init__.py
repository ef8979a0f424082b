"""Settings: where each stands, what it may be, how it is read."""

from sts_actors.settings.loading import (
    PROFILES,
    Effective,
    Settings,
    load_effective,
    load_settings,
    setting_fields,
)

__all__ = ["PROFILES", "Effective", "Settings", "load_effective", "load_settings", "setting_fields"]
