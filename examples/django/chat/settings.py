"""What a Django project needs to share a Redis with the gateway: CHANNEL_LAYERS. The rest is Django's own: users and sessions."""

import os
from pathlib import Path

BACKENDS = {
    "redis": "channels_redis.core.RedisChannelLayer",
    "redis-pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}

CHANNEL_LAYERS = {
    "default": {
        # The gateway needs the same one: `channel-layers serve --backend redis` or `--backend redis-pubsub`.
        "BACKEND": BACKENDS[os.environ.get("CHANNEL_BACKEND", "redis")],
        "CONFIG": {
            "hosts": [
                {
                    "address": os.environ.get("REDIS_URL", "redis://localhost:6379"),
                    # With redis-py 8 an idle consumer of channels_redis 4.3 dies after 5 seconds without this.
                    "socket_timeout": None,
                }
            ],
        },
    },
}

DEBUG = True
SECRET_KEY = "for a look at it only"
ROOT_URLCONF = "chat.urls"
ASGI_APPLICATION = "chat.asgi.application"
INSTALLED_APPS = ["channels", "chat", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE", Path(__file__).parent.parent / "db.sqlite3"),
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_REDIRECT_URL = "/lobby/"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
