"""A broadcast server on Django Channels with its in-memory layer, served by uvicorn: an ordinary consumer whose
connections are all in one group and send to it."""

import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY=os.urandom(16).hex(),
    ALLOWED_HOSTS=["*"],
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402

GROUP = "g"


class Consumer(AsyncWebsocketConsumer):
    async def connect(self):
        # The one that publishes is no member, as with every other server.
        if self.scope["path"] != "/publisher":
            await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send(GROUP, {"type": "bench.message", "text": text_data})

    async def bench_message(self, event):
        await self.send(text_data=event["text"])

    async def disconnect(self, code):
        await self.channel_layer.group_discard(GROUP, self.channel_name)


application = ProtocolTypeRouter({"websocket": Consumer.as_asgi()})
