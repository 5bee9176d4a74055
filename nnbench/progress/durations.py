"""How long something took or will take, as one says it; the only place where seconds become words."""


def duration(seconds: float) -> str:
    """What was measured, in the two largest units that fit: ``0.49 s``, ``13 min 32 s``, ``2 h 1 min``."""
    if seconds < 60:
        return f"{_two_digits(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min"


def rounded(seconds: float) -> str:
    """What is estimated, in one unit: ``40 s``, ``18 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    hours = seconds / 3600
    if hours < 1.5:
        return f"{seconds / 60:.0f} min"
    return f"{hours:,.{int(hours < 10)}f}".removesuffix(".0") + " h"


def about(seconds: float) -> str:
    """An estimate in a sentence: ``about 18 min``."""
    return f"about {rounded(seconds)}"


def _two_digits(seconds: float) -> str:
    if seconds < 0.005:
        return "0"
    digits = 2 if seconds < 0.995 else 1 if seconds < 9.95 else 0
    return f"{seconds:.{digits}f}"
