"""What a claim's levels and settings are in contexts, where that is not what they are in its own setting."""

from collections.abc import Iterator, Mapping

from nnbench.claims.claim import Claim
from nnbench.claims.contexts import TRAIN_SHARE
from nnbench.claims.outcomes import named


def there(claim: Claim) -> str:
    """As in: There “10,000” stands for 1 % of the training samples. Empty where nothing differs."""
    return " ".join(_texts(claim))


def factor_there(claim: Claim) -> str:
    """What the levels are of in contexts; nothing where they stand for others, which ``there`` names."""
    return "" if claim.contexts and claim.contexts.levels is not None else claim.factor


def names_there(claim: Claim) -> Mapping[str, str]:
    """What levels that stand for others in contexts are called there, as far as advice has names for them."""
    others = claim.contexts is not None and claim.contexts.levels is not None
    return claim.advice.levels if others and claim.advice else {}


def _texts(claim: Claim) -> Iterator[str]:
    own = claim.contexts
    if own is None:
        return
    if own.levels is not None:
        told = (f"{named(name)} for {_settings(given)}" for name, given in own.levels.items())
        yield f"There the levels stand for other settings: {', '.join(told)}."
    levels = (claim.levels if own.levels is None else own.levels).values()
    set_by = {key: sum(key in given for given in levels) for key in own.settings}
    if always := {key: value for key, value in own.settings.items() if not set_by[key]}:
        yield f"All levels have {_settings(always)} there."
    if others := {k: v for k, v in own.settings.items() if 0 < set_by[k] < len(levels)}:
        yield f"Levels that say nothing else have {_settings(others)} there."
    if freed := [n for n in own.free if n in claim.settings and n not in own.settings]:
        yield f"The context sets {', '.join(freed)}, not the claim."


def _settings(given: Mapping[str, object]) -> str:
    return " and ".join(map(_setting, given.items())) or "what the context has"


def _setting(item: tuple[str, object]) -> str:
    key, value = item
    if key == TRAIN_SHARE and isinstance(value, float):
        return f"{100 * value:g} % of the training samples"
    return f"{key} = {_value(value)}"


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
