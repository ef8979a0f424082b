"""python-socketio's own clients against a server, in a process of their own. Prints what happened as JSON.

A process, because they live on asyncio or threads, and warn of large bodies (which tests turn into errors).
"""

import asyncio
import contextlib
import json
import sys

import socketio


async def asynchronous(url: str, transports: list[str]) -> dict:
    client = socketio.AsyncClient(reconnection=False)
    heard: asyncio.Queue = asyncio.Queue()
    ended: asyncio.Queue = asyncio.Queue()

    @client.on("question")
    async def question(data):
        return {"answer": data, "raw": b"\x01"}

    @client.on("back")
    async def back(data):
        await heard.put(data)

    @client.on("disconnect")
    async def disconnect(reason):
        await ended.put(reason)

    await client.connect(url, transports=transports, auth={"token": "x"}, namespaces=["/", "/custom"])
    out = {"transport": client.transport()}
    out["echo"] = await client.call("echo", ("é", {"n": [1, None]}, 3.5))
    out["binary"] = list(await client.call("echo", (b"\x00\xff", {"b": [b"x", b"y"]})))
    out["binary"] = repr(out["binary"])
    out["asked"] = repr(await client.call("ask", 5))
    out["custom"] = await client.call("echo", "c", namespace="/custom")
    for big in ("x" * 4_000_000, b"x" * 4_000_000):
        await client.emit("emit_back", big)
        out[f"big {type(big).__name__}"] = await asyncio.wait_for(heard.get(), 10) == big
    for number in range(100):
        await client.emit("count", number)
    await asyncio.gather(*(client.emit("count", number) for number in range(100)))
    out["counted"] = await client.call("counted")
    out["transport at the end"] = client.transport()
    await client.emit("throw_me_out")
    out["ended"] = await asyncio.wait_for(ended.get(), 10)
    await client.disconnect()

    stranger = socketio.AsyncClient(reconnection=False)
    stranger.on("connect_error", lambda error: out.update(refused=error["message"]))
    with contextlib.suppress(socketio.exceptions.ConnectionError):
        await stranger.connect(url, transports=transports, auth={"token": "wrong"})
    return out


def threaded(url: str, transports: list[str]) -> dict:
    with socketio.SimpleClient() as client:
        client.connect(url, transports=transports, auth={"token": "x"})
        out = {"transport": client.transport, "echo": client.call("echo", ("a", b"b") and "a")}
        client.emit("emit_back", {"n": 1})
        out["back"] = client.receive(timeout=5)
        for number in range(100):
            client.emit("count", number)
        out["counted"] = client.call("counted")
    return out


async def reconnecting(url: str, transports: list[str]) -> dict:
    client = socketio.AsyncClient(reconnection_delay=0.05, randomization_factor=0)
    connects: asyncio.Queue = asyncio.Queue()

    @client.event
    async def connect():
        await connects.put(client.sid)

    await client.connect(url, transports=transports, auth={"token": "x"})
    first = await connects.get()
    await client.emit("cut_me_off")
    second = await asyncio.wait_for(connects.get(), 10)
    out = {"new": first != second, "works": await client.call("echo", "again")}
    await client.disconnect()
    return out


if __name__ == "__main__":
    kind, url, transports = sys.argv[1:]
    chosen = {"asynchronous": asynchronous, "threaded": threaded, "reconnecting": reconnecting}[kind]
    result = chosen(url, transports.split(","))
    sys.stdout.write(json.dumps(asyncio.run(result) if asyncio.iscoroutine(result) else result))
