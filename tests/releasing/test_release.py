"""The rules that a release tag must keep."""

from __future__ import annotations

import pytest

pytest.importorskip("packaging")

from tools.release import ReleaseError, distribution_of_tag
from tools.repository import read_distributions


@pytest.mark.parametrize("name", read_distributions())
def test_a_tag_with_the_version_of_the_checkout_names_its_distribution(name: str) -> None:
    version = read_distributions()[name].version
    assert distribution_of_tag(f"{name}-v{version}").name == name


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("v1.0.0", "not of the form"),
        ("pypet-1.0.0", "not of the form"),
        ("pypet-cloud-v1.0.0", "there are only"),
        ("pypet-net-v99.0.0", "bump the version"),
    ],
)
def test_any_other_tag_is_refused_with_what_to_do(tag: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        distribution_of_tag(tag)
