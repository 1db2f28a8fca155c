"""The pages."""

from django.urls import path

from chat import views

urlpatterns = [
    path("<slug:room>/", views.room),
    path("<slug:room>/say/", views.say),
]
