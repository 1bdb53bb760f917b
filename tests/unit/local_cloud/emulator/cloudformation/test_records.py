"""Resources that are files: what the delivery process reads is what the template says."""

import json

import pytest

from local_cloud.emulator.cloudformation.records import DeliveryStreams, EventSourceMappings
from local_cloud.emulator.cloudformation.resources import ResourceError


def test_a_mapping_keeps_its_identifier_over_updates(tmp_path):
    """Create writes a file of a new uuid, update the same file, delete removes it and forgives a second time."""
    mappings = EventSourceMappings(tmp_path, "arn:mapping:")
    identifier, attributes = mappings.create("Mapping", {"BatchSize": 1}, "stack")
    assert {"Id": identifier, "EventSourceMappingArn": f"arn:mapping:{identifier}"} == attributes
    assert (identifier, attributes) == mappings.update(identifier, {"BatchSize": 1}, {"BatchSize": 2}, "stack")
    (file,) = tmp_path.iterdir()
    assert {"uuid": identifier, "properties": {"BatchSize": 2}} == json.loads(file.read_text())
    for _ in range(2):
        mappings.delete(identifier, {})
    assert [] == list(tmp_path.iterdir())


def test_a_delivery_stream_has_the_templates_name_or_one_of_its_place(tmp_path):
    """`DeliveryStreamName`, or stack and logical id."""
    streams = DeliveryStreams(tmp_path, "arn:stream/")
    assert ("archive", {"Arn": "arn:stream/archive"}) == streams.create(
        "Archive", {"DeliveryStreamName": "archive"}, "stack"
    )
    assert "stack-Archive" == streams.create("Archive", {}, "stack")[0]
    streams.update("archive", {}, {"DeliveryStreamName": "archive", "Changed": True}, "stack")
    content = json.loads((tmp_path / "archive.json").read_text())
    assert {"name": "archive", "properties": {"DeliveryStreamName": "archive", "Changed": True}} == content
    for name in ("archive", "stack-Archive", "absent"):
        streams.delete(name, {})
    assert [] == list(tmp_path.iterdir())


def test_two_delivery_streams_of_one_name_cannot_be(tmp_path):
    """The second is refused and the first stays as it is."""
    streams = DeliveryStreams(tmp_path, "arn:stream/")
    streams.create("Archive", {"DeliveryStreamName": "archive", "First": True}, "stack")
    with pytest.raises(ResourceError, match=r"archive already exists.*AlreadyExists"):
        streams.create("Archive", {"DeliveryStreamName": "archive"}, "other")
    assert json.loads((tmp_path / "archive.json").read_text())["properties"]["First"]
