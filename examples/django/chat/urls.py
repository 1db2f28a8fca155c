"""The pages."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from chat import views

urlpatterns = [
    path("login/", LoginView.as_view(template_name="login.html")),
    path("logout/", LogoutView.as_view(next_page="/login/")),
    path("channel-layers/connect", views.connect),
    path("<slug:room>/", views.room),
    path("<slug:room>/say/", views.say),
]
