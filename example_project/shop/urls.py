from django.contrib import admin
from django.urls import include, path

from . import customers, views

urlpatterns = [
    path("", views.home, name="home"),
    path("basket/add/<slug:code>/", views.basket_add, name="basket-add"),
    path("basket/remove/<slug:code>/", views.basket_remove, name="basket-remove"),
    path("customers/", customers.customers, name="customers"),
    path("customers/page/<int:number>/", customers.customers, name="customers"),
    path("customers/<uuid:key>/", customers.CustomerView.as_view(), name="customer"),
    path("orders/<uuid:key>/printout/", customers.order_printout, name="order-printout"),
    path("me/", views.me, name="me"),
    path("", include("erpnet_instanceid.urls")),
    path("admin/", admin.site.urls),
]
