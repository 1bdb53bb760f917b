"""Prefixes of Firehose with their expressions, e.g. `events/dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/`.

Rules: https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html. Timestamps are of the oldest record of the
object, in UTC. Of the Java date patterns those that name a calendar moment are carried out; the capital forms that
look alike and mean other things (`YYYY` the week's year, `DD` the day of the year) are refused.
"""

import random
import re
import string
from collections.abc import Callable
from datetime import datetime

from local_cloud.delivery.mapping.settings import ConfigurationError

_EXPRESSION = re.compile(r"!\{([^:{}]*):([^{}]*)\}")
_JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_JAVA_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_RANDOM_LENGTH = 11
_LONGEST = 512


def check(prefix: str, error_prefix: str | None) -> None:
    """Raise `ConfigurationError` for what Firehose refuses when a delivery stream is made."""
    if "error-output-type" in {value for _, value in _EXPRESSION.findall(prefix)}:
        raise ConfigurationError("Prefix: !{firehose:error-output-type} is allowed in ErrorOutputPrefix only")
    if _EXPRESSION.search(prefix) and error_prefix is None:
        raise ConfigurationError("ErrorOutputPrefix: needed, because Prefix holds an expression")
    names = _EXPRESSION.findall(error_prefix or "")
    if names and ("firehose", "error-output-type") not in names:
        raise ConfigurationError("ErrorOutputPrefix: with expressions it must hold !{firehose:error-output-type}")
    for name, value in (("Prefix", prefix), ("ErrorOutputPrefix", error_prefix or "")):
        try:
            evaluate(value, datetime(2026, 1, 2, 3, 4, 5), error_type="processing-failed")
        except ConfigurationError as error:
            raise ConfigurationError(f"{name}: {error}") from error


def evaluate(
    prefix: str,
    oldest: datetime,
    *,
    error_type: str | None = None,
    choose: Callable[[str], str] = random.choice,
) -> str:
    """The prefix with its expressions replaced; a prefix without a timestamp gets `yyyy/MM/dd/HH/` after it."""

    def replace(match: re.Match[str]) -> str:
        namespace, value = match.groups()
        match (namespace, value):
            case ("timestamp", _):
                return java_time(value, oldest)
            case ("firehose", "random-string"):
                return "".join(choose(string.ascii_letters + string.digits) for _ in range(_RANDOM_LENGTH))
            case ("firehose", "error-output-type") if error_type is not None:
                return error_type
        raise ConfigurationError(f"{match.group()}: no such expression")

    result = _EXPRESSION.sub(replace, prefix)
    if "!{" in result:
        raise ConfigurationError(f"{prefix!r}: an expression is !{{namespace:value}}")
    if error_type is None and not any(namespace == "timestamp" for namespace, _ in _EXPRESSION.findall(prefix)):
        result += java_time("yyyy/MM/dd/HH/", oldest)
    if len(result) > _LONGEST:
        raise ConfigurationError(f"{prefix!r}: longer than {_LONGEST} characters when evaluated")
    return result


def java_time(pattern: str, moment: datetime) -> str:
    """The moment in a pattern of Java's DateTimeFormatter; `'quoted'` text stays, `''` is one quote."""
    parts: list[str] = []
    position = 0
    for token in _JAVA_TOKEN.finditer(pattern):
        if token.start() != position:
            break
        position = token.end()
        text = token.group()
        if text.startswith("'"):
            parts.append(token.group(1).replace("''", "'") or "'")
        elif token.group(2):
            if text not in _JAVA:
                raise ConfigurationError(f"timestamp pattern {text!r}: use {', '.join(_JAVA)}")
            parts.append(moment.strftime(_JAVA[text]))
        else:
            parts.append(text)
    if position != len(pattern):
        raise ConfigurationError(f"timestamp pattern {pattern!r}: a quote is not closed")
    return "".join(parts)
