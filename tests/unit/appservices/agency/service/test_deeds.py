from typing import get_args

from appservices.agency.core import effects as fx
from appservices.agency.service.deeds import DEEDS


def test_every_effect_can_be_carried_out() -> None:
    assert set(DEEDS) == set(get_args(fx.Effect))
