import pytest

from tests.content.small import SmallCards


@pytest.fixture
def small(tmp_path) -> SmallCards:
    return SmallCards(tmp_path / "cards")
