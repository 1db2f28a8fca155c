"""A socket that Django holds. It hears what anybody sends to its room: Django, and browsers at the gateway."""

from channels.generic.websocket import AsyncJsonWebsocketConsumer


class ChatConsumer(AsyncJsonWebsocketConsumer):
    # The `type` of a message names the method that Channels calls, and browsers at the gateway choose it, but for what
    # every consumer inherits. A type without a method ends a consumer. So this one hears these and no others.
    hears = ("websocket.connect", "websocket.receive", "websocket.disconnect", "chat.message")

    async def dispatch(self, message):
        if message.get("type") in self.hears:
            await super().dispatch(message)

    async def connect(self):
        self.group = f"chat.{self.scope['url_route']['kwargs']['room']}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content):
        """A browser said something: tell the room, this browser included."""
        await self.channel_layer.group_send(self.group, chat_message(content))

    async def chat_message(self, event):
        """The room was told something: tell the browser."""
        await self.send_json(chat_message(event))


def chat_message(said):
    """A message of the chat, whoever said it: only what belongs in it, and only as text."""
    said = said if isinstance(said, dict) else {}
    return {"type": "chat.message", "from": str(said.get("from", "")), "text": str(said.get("text", ""))}
