"""The table of hooks, and a hook more."""

from cds_service.hooks.hooks import HOOKS

VIEW, SELECT, SIGN = HOOKS.values()


def test_only_orders_hooks_hand_over_drafts_and_only_selecting_names_some():
    assert (VIEW.brings_orders, VIEW.brings_selections) == (False, False)
    assert (SELECT.brings_orders, SELECT.brings_selections) == (True, True)
    assert (SIGN.brings_orders, SIGN.brings_selections) == (True, False)


def test_each_hook_is_one_kind_of_event():
    kinds = [(hook.is_chart_view, hook.brings_selections, hook.is_signing) for hook in (VIEW, SELECT, SIGN)]
    assert kinds == [(True, False, False), (False, True, False), (False, False, True)]
