import pytest

from pypet_trajectory.deprecation import deprecated, kwargs_api_change, kwargs_mutual_exclusive


def test_a_deprecated_function_warns_at_the_caller_and_works():
    @deprecated("use `g`")
    def f(x):
        """Return x."""
        return x

    with pytest.warns(DeprecationWarning, match="`f` is deprecated: use `g`") as caught:
        assert f(3) == 3
    assert caught[0].filename == __file__
    assert f.__doc__ == "Return x."


def test_a_renamed_keyword_is_passed_on_under_its_new_name():
    @kwargs_api_change("old", "new", since="1.0", until="2.0")
    def f(new=1):
        return new

    with pytest.warns(
        DeprecationWarning, match=r"since version 1.0.*version 2.0: use `new`"
    ) as caught:
        assert f(old=3) == 3
    assert caught[0].filename == __file__
    assert f(new=4) == 4


def test_a_dropped_keyword_is_swallowed():
    @kwargs_api_change("old")
    def f(x=1):
        return x

    with pytest.warns(DeprecationWarning, match="no effect"):
        assert f(old=3) == 1


def test_exclusive_keywords_cannot_be_given_together():
    @kwargs_mutual_exclusive("a", "b", lambda b: b + 1)
    def f(a=0):
        return a

    assert f(b=1) == 2
    assert f(a=1) == 1
    with pytest.raises(ValueError, match=r"`f`.*`a`.*`b`"):
        f(a=1, b=1)


def test_exclusive_keywords_without_mapping_are_passed_on_as_they_are():
    @kwargs_mutual_exclusive("a", "b")
    def f(a=0, b=0):
        return a, b

    assert f(b=1) == (0, 1)
