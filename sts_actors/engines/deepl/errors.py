"""What the DeepL library raises, as what a worker is told: by type and status, never by words."""

import deepl

from sts_actors.engines.retries import CallFailed
from sts_actors.errors import ErrorCode

_OVERLOADED = 529
"""Another status of DeepL's for too many requests."""
_UNAUTHORISED = 401
_REQUEST_TIMEOUT = 408
_SERVER_ERRORS = 500


def explain(error: Exception, after_s: float | None = None) -> CallFailed:
    """The failure that `error` stands for; `after_s` is the pause that the service asked for."""
    status = error.http_status_code if isinstance(error, deepl.DeepLException) else None
    if isinstance(error, deepl.TooManyRequestsException) or status == _OVERLOADED:
        return CallFailed(
            ErrorCode.RATE_LIMIT_EXCEEDED,
            "DeepL takes no more requests just now",
            passing=True,
            after_s=after_s,
        )
    if status is not None and status < _SERVER_ERRORS and status != _REQUEST_TIMEOUT:
        return _refusal(error, status)
    if isinstance(error, deepl.ConnectionException):
        message = "DeepL could not be reached, or broke off"
    elif status is None:
        message = "DeepL's answer makes no sense"
    else:
        message = f"DeepL failed with HTTP status {status}"
    return CallFailed(
        ErrorCode.TRANSLATION_API_UNAVAILABLE, message, passing=True, sick=True, after_s=after_s
    )


def _refusal(error: Exception, status: int) -> CallFailed:
    """The service is well, and says no."""
    if isinstance(error, deepl.QuotaExceededException):
        return CallFailed(
            ErrorCode.QUOTA_EXCEEDED,
            "the DeepL quota of this billing period is used up; only an operator can mend that",
        )
    if isinstance(error, deepl.AuthorizationException) or status == _UNAUTHORISED:
        return CallFailed(
            ErrorCode.TRANSLATION_FAILED,
            "DeepL refuses the service's key; an operator must check DEEPL_AUTH_KEY",
        )
    return CallFailed(ErrorCode.TRANSLATION_FAILED, f"DeepL refused the text: {error}")
