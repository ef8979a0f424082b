"""What a nursery's exception group comes down to, where all but the block's own error is known."""

import trio


def own_error(group: BaseExceptionGroup[BaseException], instead: Exception | None) -> BaseException:
    """The error that a block with a nursery of its own should raise.

    The nursery wraps whatever it raises in a group. Where its helper tasks never raise, the group holds the
    error of the block's body, perhaps beside cancellations, and that error comes out as it went in.

    Args:
        group: what the nursery raised.
        instead: a failure of the block's own that outranks the body's error and any cancellation; only
            `KeyboardInterrupt` and its like outrank that.

    Returns:
        `group` itself where it cannot be made simpler.
    """
    _, errors = group.split(trio.Cancelled)
    if errors is None:
        return group if instead is None else instead
    if instead is not None:
        _, fatal = errors.split(Exception)
        if fatal is None:
            return instead
        errors = fatal
    return errors.exceptions[0] if len(errors.exceptions) == 1 else errors
