"""A page that speaks to Django's own socket, a view that tells a room something, and one that the gateway asks who a browser is."""

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST


def room(request, room):
    return render(request, "room.html", {"room": room})


# So that `curl` can say something.
@csrf_exempt
@require_POST
def say(request, room):
    message = {"type": "chat.message", "from": "a view", "text": request.POST.get("text", "")}
    async_to_sync(get_channel_layer().group_send)(f"chat.{room}", message)
    return HttpResponse("said\n", status=202, content_type="text/plain")


# The gateway asks, with the browser's cookies, and changes nothing.
@csrf_exempt
@require_POST
def connect(request):
    user = request.user
    if not user.is_authenticated:
        return JsonResponse({"denied": "log in first"}, status=401)
    return JsonResponse(
        {
            "user": user.get_username(),
            "groups": [
                {"pattern": "chat.*", "can": ["join", "send"]},
                {"pattern": f"user.{user.pk}", "can": ["join"]},
            ],
            "types": ["chat.message"],
            "join": [f"user.{user.pk}"],
            "expires_in": request.session.get_expiry_age(),
        }
    )
