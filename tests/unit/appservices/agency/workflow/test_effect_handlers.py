from typing import get_args

from appservices.agency.cases.core import effects as fx
from appservices.agency.workflow.service.effect_handlers import EFFECT_HANDLERS


def test_every_effect_can_be_carried_out() -> None:
    assert set(EFFECT_HANDLERS) == set(get_args(fx.Effect))
