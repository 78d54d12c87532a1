"""The pages of the example site, over HTTP."""


def test_basket_counts_added_and_removed_goods(shopper):
    shopper.open("/")
    assert shopper.basket_count == 0
    for product in ("lamp", "lamp", "desk"):
        shopper.press(f"/basket/add/{product}/")
    assert shopper.basket_count == 3
    shopper.press("/basket/remove/lamp/")
    assert shopper.basket_count == 1
    assert shopper.press("/basket/add/yacht/").status_code == 404


def test_pages_come_in_the_browsers_language(shopper):
    page = shopper.get("/", headers={"Accept-Language": "bg"})
    assert '<html lang="bg">' in page.text
    assert "Настолна лампа" in page.text
    assert '<html lang="en">' in shopper.get("/", headers={"Accept-Language": "fr"}).text


def test_an_instance_that_refuses_shows_a_friendly_page(demo, shopper):
    demo.instance.always("api", status=500, json={"message": "No.", "code": "Forbidden"})
    shopper.press("/basket/add/desk/")
    page = shopper.sign_in_at("/customers/", "maria")
    assert page.status_code == 502
    assert "Forbidden" in page.text
    demo.instance.heal()
    assert shopper.open("/customers/").status_code == 200
    assert shopper.basket_count == 1
