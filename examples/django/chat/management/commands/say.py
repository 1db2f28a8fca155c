"""A background task: `python manage.py say lobby "good morning"`."""

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Tells everybody in a room something."

    def add_arguments(self, parser):
        parser.add_argument("room")
        parser.add_argument("text")

    def handle(self, *args, room, text, **options):
        message = {"type": "chat.message", "from": "manage.py", "text": text}
        async_to_sync(get_channel_layer().group_send)(f"chat.{room}", message)
