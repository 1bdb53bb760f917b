"""Encryption of Kinesis streams as the API answers it: nothing is encrypted here, but who asks is told what is set.

MiniStack ignores the property StreamEncryption of AWS::Kinesis::Stream, and takes anything for an encryption's type.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StartStreamEncryption.html
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StopStreamEncryption.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-kinesis-stream-streamencryption.html
"""

from collections.abc import Mapping
from typing import Any

from local_cloud.emulator.cloudformation.resources import ResourceError

_MEMBERS = ("EncryptionType", "KeyId")


def install() -> None:
    """Puts both into MiniStack."""
    from ministack.services import kinesis
    from ministack.services.cloudformation import provisioners

    _follow_templates(kinesis, provisioners._RESOURCE_HANDLERS["AWS::Kinesis::Stream"])
    start, stop = kinesis._start_stream_encryption, kinesis._stop_stream_encryption

    def checked(carry_out: Any) -> Any:
        def call(data: Mapping[str, Any]) -> Any:
            if wrong := problem(data):
                return kinesis.error_response_json("ValidationException", wrong, 400)
            return carry_out(data)

        return call

    kinesis._start_stream_encryption, kinesis._stop_stream_encryption = checked(start), checked(stop)


def problem(request: Mapping[str, Any]) -> str | None:
    """What is wrong with the request of Start- or StopStreamEncryption, or None: both name KMS and a key."""
    for name in _MEMBERS:
        if not request.get(name):
            null = f"Value null at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: Member must not be null"
            return f"1 validation error detected: {null}"
    if request["EncryptionType"] != "KMS":
        return f"EncryptionType must be KMS, not {request['EncryptionType']}."
    return None


def _follow_templates(kinesis: Any, handlers: dict[str, Any]) -> None:
    make, change = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:
        encryption = wanted(logical_id, properties)
        made = make(logical_id, properties, stack)
        _set(kinesis._streams[made[0]], encryption)
        return made

    def update(physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, logical_id: str) -> Any:
        encryption = wanted(logical_id, new)
        changed = change(physical_id, old, new, stack)
        if changed[0] != physical_id or old.get("StreamEncryption") != new.get("StreamEncryption"):
            _set(kinesis._streams[changed[0]], encryption)
        return changed

    handlers.update(create=create, update=update, update_with_logical_id=True)


def wanted(logical_id: str, properties: Mapping[str, Any]) -> dict[str, str]:
    """What a template's StreamEncryption sets. Raises ResourceError when it is not what the property takes."""
    given = properties.get("StreamEncryption")
    if given is None:
        return {"EncryptionType": "NONE"}
    if not isinstance(given, Mapping) or set(given) != set(_MEMBERS):
        raise ResourceError(f"{logical_id}: StreamEncryption has the members EncryptionType and KeyId, not {given}")
    if wrong := problem(given):
        raise ResourceError(f"{logical_id}: {wrong}", "InvalidRequest")
    return {name: str(given[name]) for name in _MEMBERS}


def _set(stream: dict[str, Any], encryption: Mapping[str, str]) -> None:
    stream.pop("KeyId", None)
    stream.update(encryption)
