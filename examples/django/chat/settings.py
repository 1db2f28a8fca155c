"""What a Django project needs to share a Redis with the gateway: CHANNEL_LAYERS, and nothing else."""

import os

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
INSTALLED_APPS = ["channels", "chat"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
