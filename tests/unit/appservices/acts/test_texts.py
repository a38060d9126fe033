from tests.support.catalogues import catalogue_problems


def test_every_text_is_in_every_language() -> None:
    assert catalogue_problems("appservices.acts") == []
