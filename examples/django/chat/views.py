"""A page that speaks to Django's own socket, and a view that tells a room something."""

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST


def room(request, room):
    return render(request, "room.html", {"room": room})


@require_POST
def say(request, room):
    message = {"type": "chat.message", "from": "a view", "text": request.POST.get("text", "")}
    async_to_sync(get_channel_layer().group_send)(f"chat.{room}", message)
    return HttpResponse("said\n", status=202, content_type="text/plain")
