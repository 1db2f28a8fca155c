"""Django's pages, and the sockets that Django still holds itself."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chat.settings")
django = get_asgi_application()

from chat.consumers import ChatConsumer  # noqa: E402 (needs the settings)

sockets = URLRouter([path("ws/chat/<slug:room>/", ChatConsumer.as_asgi())])
application = ProtocolTypeRouter({"http": django, "websocket": AllowedHostsOriginValidator(sockets)})
