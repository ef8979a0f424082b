"""An auction over Socket.IO: run it, then connect any Socket.IO client to http://127.0.0.1:8080."""

import trio

from sts_actors.gateway import Server, serve

server = Server()
best = {"bid": 0, "by": "nobody"}


@server.event
async def connect(sid, _environ, auth):
    if not (auth or {}).get("name"):
        raise ConnectionRefusedError("who are you?")
    await server.save_session(sid, auth)


@server.event
async def bid(sid, amount):
    accepted = amount > best["bid"]
    if accepted:
        best.update(bid=amount, by=(await server.get_session(sid))["name"])
        await server.emit("outbid", best, skip_sid=sid)
    return {"accepted": accepted, **best}  # the client's acknowledgement


if __name__ == "__main__":
    trio.run(serve, server, "127.0.0.1", 8080)
