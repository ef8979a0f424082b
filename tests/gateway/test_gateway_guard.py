"""No method that our servers inherit may need asyncio: what python-socketio releases next is checked here."""

import asyncio
import contextlib
import dis
import inspect
import types

import pytest
from socketio import AsyncNamespace

from sts_actors.gateway import EngineServer, Server
from sts_actors.gateway.connection import Connection
from sts_actors.gateway.engine.session import Session
from sts_actors.gateway.manager import Manager
from sts_actors.gateway.packet import Packet

ALLOWED = {"CancelledError"}
"""Catching it is harmless: it is never raised here."""


def codes(function: types.FunctionType):
    """A function's code, and that of the functions inside it."""
    todo = [function.__code__]
    while todo:
        code = todo.pop()
        yield code
        todo += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def asyncio_uses(function: types.FunctionType) -> set[str]:
    """The attributes of asyncio that a function uses; "asyncio" when it passes on the module itself."""
    names = {name for name, value in function.__globals__.items() if value is asyncio} | {"asyncio"}
    uses = set()
    for code in codes(function):
        instructions = list(dis.get_instructions(code))
        for instruction, following in zip(instructions, [*instructions[1:], None], strict=True):
            if (
                instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME", "IMPORT_NAME"}
                and instruction.argval in names
            ):
                attribute = following is not None and following.opname in {"LOAD_ATTR", "LOAD_METHOD"}
                uses.add(following.argval if attribute else "asyncio")
    return uses


def effective_methods(cls: type):
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        for function in (
            [member.fget, member.fset]
            if isinstance(member, property)
            else [getattr(member, "__func__", member)]
        ):
            if isinstance(function, types.FunctionType):
                yield name, function


@pytest.mark.parametrize("cls", [Server, EngineServer, Session, Manager, Packet, Connection, AsyncNamespace])
def test_no_effective_method_uses_asyncio(cls: type) -> None:
    used = {
        name: uses - ALLOWED
        for name, function in effective_methods(cls)
        if (uses := asyncio_uses(function)) - ALLOWED
    }
    assert used == {}


def test_the_guard_sees_what_it_is_there_for() -> None:
    def direct():
        return asyncio.create_task(None)

    def nested() -> None:
        async def inner() -> None:
            await asyncio.wait_for(None, 1)

        return inner

    def harmless() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            pass

    def imported() -> None:
        import asyncio

        return asyncio

    assert asyncio_uses(direct) == {"create_task"}
    assert asyncio_uses(nested) == {"wait_for"}
    assert asyncio_uses(harmless) <= ALLOWED
    assert "asyncio" in asyncio_uses(imported)
    import socketio

    assert asyncio_uses(socketio.AsyncServer.call) >= {"wait_for"}
    assert asyncio_uses(socketio.AsyncManager.emit) >= {"create_task", "wait"}
