"""``budget.toml``: a site sets its own ceilings, and none that another makes needless."""

import pytest

from cds_service.content.budget import Budget
from cds_service.content.load import load
from cds_service.errors import ContentError
from cds_service.hooks.hooks import HOOKS


def test_a_site_changes_one_ceiling_and_sets_one_that_is_not_shipped(tmp_path):
    (tmp_path / "budget.toml").write_text("[order-sign]\nwarning = 0.01\n[order-select]\ninfo = 0.05\n")
    found = load(tmp_path).budget
    assert found.order_sign.by_indicator == {"info": 0.02, "warning": 0.01, "critical": 0.0001}
    assert found.order_select.by_indicator == {"info": 0.05}
    assert found.patient_view.info == 0.02


def test_every_hook_can_have_ceilings():
    assert Budget().by_hook.keys() == HOOKS.keys()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[order-sign]\ncritical = 0.5\n", "budget.toml: order-sign: a graver card may not come more often"),
        ("[order-sign]\ninfo = 2\n", "budget.toml: Expected `float` <= 1"),
        ("[order-sign]\nhigh = 0.1\n", "budget.toml: "),
        ("[order-view]\ninfo = 0.1\n", "budget.toml: "),
    ],
)
def test_a_ceiling_that_cannot_be_meant_is_told(tmp_path, text, said):
    (tmp_path / "budget.toml").write_text(text)
    with pytest.raises(ContentError) as found:
        load(tmp_path)
    assert any(fault.startswith(said) for fault in found.value.faults), found.value.faults
