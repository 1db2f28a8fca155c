"""A consumer of Django Channels as its documentation has it, in one group of a layer of channels_redis.

Takes the URL of a Redis. Prints JSON lines: first the names that consumers inherit from Channels, then `ready`, and then
each type that reaches the consumer, each method of its own that runs, and how it ended if it did.
"""

import asyncio
import json
import sys

from django.conf import settings

settings.configure(
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [{"address": sys.argv[1], "socket_timeout": None}]},
        }
    }
)

from channels.generic.http import AsyncHttpConsumer  # noqa: E402 (needs the settings)
from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402


def say(**what):
    print(json.dumps(what), flush=True)


class Victim(AsyncJsonWebsocketConsumer):
    groups = ["chat.lobby"]

    async def dispatch(self, message):
        if message["type"] == "websocket.connect":
            classes = (AsyncJsonWebsocketConsumer, JsonWebsocketConsumer, AsyncHttpConsumer)
            names = {name for one in classes for name in dir(one)} | set(vars(self))
            say(inherited=sorted(name for name in names if not name.startswith("_")))
        else:
            say(came=message.get("type"))
        await super().dispatch(message)

    async def chat_message(self, event):
        say(ran="chat_message", sender=event.get("sender"))

    async def chat_delete_all(self, event):
        say(ran="chat_delete_all")

    async def _private(self, event):
        say(ran="_private")


async def main():
    events = asyncio.Queue()
    events.put_nowait({"type": "websocket.connect"})

    async def send(event):
        say(ready=True) if event["type"] == "websocket.accept" else say(sent=event["type"])

    try:
        await Victim.as_asgi()({"type": "websocket"}, events.get, send)
        say(ended="by itself")
    except Exception as error:
        say(ended=repr(error))


asyncio.run(main())
