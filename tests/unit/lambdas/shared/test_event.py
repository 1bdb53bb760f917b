"""The event model: fields, forms and identity."""

import json

import pytest

from lambdas.shared.errors import PayloadError
from lambdas.shared.event import Event, decode_event
from tests.unit.lambdas.forward_events.stream import ARRIVAL, site_event


def decoded(**changes: object) -> Event:
    return decode_event(json.dumps(site_event(**changes)).encode(), arrival=ARRIVAL)


def test_the_documented_event():
    """The published example is understood."""
    expected = Event(
        user_id="12345", session_id="s1", event_type="DetailView", item_id="1-Russian_Blue-1-2", animal_id="98765"
    )

    assert expected == decoded()


@pytest.mark.parametrize("name", ["userId", "sessionId_", "userID", "eventType"])
def test_what_stands_beside_the_envelope_is_not_lost_in_silence(name: str) -> None:
    """A user beside `Data` would be nobody."""
    data = json.dumps({"Partitionkey": "1", "Data": site_event(), name: "u"}).encode()
    with pytest.raises(PayloadError) as error:
        decode_event(data, arrival=ARRIVAL)
    assert error.value.field == name


@pytest.mark.parametrize("data", [site_event(), json.dumps(site_event())])
@pytest.mark.parametrize("key", ["Partitionkey", "PartitionKey"])
def test_d02_the_documented_envelope(data, key):
    """The event inside {"Partitionkey", "Data"} is the same event, Data being an object or its JSON text."""
    enveloped = json.dumps({key: "1", "Data": data}).encode()

    assert decoded() == decode_event(enveloped, arrival=ARRIVAL)


@pytest.mark.parametrize("data", [None, 5, "not json", [], json.dumps([])])
def test_an_envelope_of_something_else_is_refused(data):
    """What lies in an envelope must be an object."""
    with pytest.raises(PayloadError) as refused:
        decode_event(json.dumps({"Partitionkey": "1", "Data": data}).encode(), arrival=ARRIVAL)

    assert "Data" == refused.value.field


def test_an_envelope_is_opened_once():
    """An envelope in an envelope is no event."""
    nested = {"Partitionkey": "1", "Data": {"Partitionkey": "1", "Data": site_event()}}

    with pytest.raises(PayloadError, match="sessionId: is missing"):
        decode_event(json.dumps(nested).encode(), arrival=ARRIVAL)


def test_d12_an_event_without_a_user_is_anonymous():
    """No user, or null, is nobody; no id is made up."""
    assert (None, None) == (
        decoded(userId=None).user_id,
        decode_event(json.dumps({**site_event(), "userId": None}).encode(), arrival=ARRIVAL).user_id,
    )


def test_d11_optional_fields_are_kept():
    """Time, value, recommendation, impression and own id are all understood."""
    event = decoded(
        eventId="e-1",
        timestamp="2023-11-14T22:13:19Z",
        eventValue=2.5,
        recommendationId="RID-1",
        impression=["2-Pug-1-4", "1-domestic short hair-1-1"],
    )

    assert ("e-1", 1_699_999_999.0, 2.5, "RID-1", ("2-Pug-1-4", "1-domestic short hair-1-1")) == (
        event.event_id,
        event.occurred_at,
        event.event_value,
        event.recommendation_id,
        event.impression,
    )


def test_context_and_properties_become_one_json_text():
    """Context is named as the columns, properties as PutEvents names them; both end in properties."""
    event = decoded(context={"DEVICE_TYPE": "phone"}, properties={"campaign": "spring", "paid": False})

    assert {"campaign": "spring", "paid": False, "deviceType": "phone"} == json.loads(event.properties or "")


def test_properties_may_be_a_json_text():
    """The form that PutEvents itself wants is taken too; nothing in it is nothing."""
    assert ('{"a":1}', None) == (decoded(properties='{"a": 1}').properties, decoded(properties={}).properties)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sessionId": None}, "sessionId"),
        ({"sessionId": ""}, "sessionId"),
        ({"sessionId": "x" * 257}, "sessionId"),
        ({"userId": "x" * 300}, "userId"),
        ({"userId": ""}, "userId"),
        ({"userId": "\uff11\uff12\uff13"}, "userId"),
        ({"userId": ["1"]}, "userId"),
        ({"eventType": None}, "eventType"),
        ({"eventType": 5}, "eventType"),
        ({"animalMetadata": None}, "animalMetadata"),
        ({"animalMetadata": "2-Pug-1-4"}, "animalMetadata"),
        ({"animal_id": {}}, "animal_id"),
        ({"eventId": "a\x00"}, "eventId"),
        ({"timestamp": 1_699_999_999_000}, "timestamp"),
        ({"timestamp": ARRIVAL + 90_000}, "timestamp"),
        ({"eventValue": "2"}, "eventValue"),
        ({"recommendationId": "x" * 41}, "recommendationId"),
        ({"impression": []}, "impression"),
        ({"impression": ["2-Pug-1-4"] * 26}, "impression"),
        ({"impression": ["pug"]}, "impression[0]"),
        ({"impression": ["2-Pug-1-4", "2-" + "ö" * 41 + "-1-4"]}, "impression[1]"),
        ({"impression": ["2-Pug<b>-1-4"]}, "impression[0]"),
        ({"eventType": "<script>"}, "eventType"),
        ({"eventType": "Detail\u2800View"}, "eventType"),
        ({"properties": {"itemId": "2-Pug-1-4"}}, "properties.itemId"),
        ({"context": {"ITEM_ID": "2-Pug-1-4"}}, "context.ITEM_ID"),
        ({"properties": {"user_id": 1}}, "properties.user_id"),
        ({"redriven": 1}, "redriven"),
        ({"redriven": {}}, "redriven.arrival"),
        ({"redriven": {"arrival": ARRIVAL + 1}}, "redriven.arrival"),
        ({"redriven": {"arrival": 1}}, "redriven.arrival"),
        ({"redriven": {"arrival": ARRIVAL, "record": ""}}, "redriven.record"),
        ({"redriven": {"arrival": ARRIVAL, "Record": "a"}}, "redriven.Record"),
        ({"properties": []}, "properties"),
        ({"properties": "{"}, "properties"),
        ({"properties": {"UserID": 1}}, "properties.UserID"),
        ({"context": {"USER_ID": 1}}, "context.USER_ID"),
        ({"properties": {"a": {}}}, "properties.a"),
        ({"properties": {"a": None}}, "properties.a"),
        ({"properties": {"a": 10**30}}, "properties.a"),
        ({"properties": {"a": "x" * 1024}}, "properties"),
        ({"properties": {"device": 1}, "context": {"DEVICE": 1}}, "context.DEVICE"),
    ],
)
def test_d10_what_personalize_cannot_take_is_refused_by_name(changes, field):
    """The first field that cannot be used is named."""
    with pytest.raises(PayloadError) as refused:
        decoded(**changes)

    assert field == refused.value.field


def test_a_number_too_large_for_json_is_refused():
    """1e400 is read as infinity and never passed on."""
    data = json.dumps(site_event(eventValue=1)).replace('"eventValue": 1', '"eventValue": 1e400').encode()

    with pytest.raises(PayloadError, match="eventValue: must be a finite number"):
        decode_event(data, arrival=ARRIVAL)


@pytest.mark.parametrize("payload", [[], "text", 5, None, True])
def test_a_record_must_be_an_object(payload):
    """Other JSON is no event."""
    with pytest.raises(PayloadError, match="record: must be a JSON object"):
        decode_event(json.dumps(payload).encode(), arrival=ARRIVAL)


def test_d06_the_identity_of_an_event_with_a_time_depends_on_the_event_alone():
    """A retry, a redrive and a replay of one event have one id; each part of the event changes it."""
    event = decoded(timestamp=1_699_999_999)
    others = [
        decoded(timestamp=1_699_999_998),
        decoded(timestamp=1_699_999_999, userId=None),
        decoded(timestamp=1_699_999_999, sessionId="s2"),
        decoded(timestamp=1_699_999_999, eventType="Favorite"),
        decoded(timestamp=1_699_999_999, animal_id="5"),
    ]

    assert event.identity("record-1") == event.identity("record-2")
    assert 6 == len({event.identity("r"), *(other.identity("r") for other in others)})


def test_d06_an_event_without_a_time_is_told_apart_by_its_record():
    """Two views without times are two events; one record delivered twice is one."""
    event = decoded()

    assert event.identity("record-1") != event.identity("record-2")
    assert event.identity("record-1") == event.identity("record-1")


def test_one_id_of_a_hundred_visitors_is_a_hundred_events():
    """The service's ids are global, a site that numbers per session is not: user and session are part of what is sent."""
    visitors = [(f"u{n % 50}", f"s{n}") for n in range(100)]
    ids = {decoded(userId=user, sessionId=session, eventId="1").identity("r") for user, session in visitors}

    assert 100 == len(ids)
    assert "1" not in ids


def test_an_id_is_the_same_whatever_the_record_and_the_time():
    """A retry, a redrive and a replay of an event with an id of its own are one event."""
    one, again = decoded(eventId="e-1"), decoded(eventId="e-1", timestamp=1_699_999_999)

    assert one.identity("record-1") == one.identity("record-2") == again.identity("record-3")
    assert one.identity("r") != decoded(eventId="e-2").identity("r")


def test_nobody_suppresses_another_visitors_event_by_its_id():
    """An id that another visitor sends as their own, be it the digest that was sent, is another event."""
    sent = decoded(eventId="order-17").identity("r")

    assert sent != decoded(userId="attacker", sessionId="a", eventId="order-17").identity("r")
    assert sent != decoded(userId="attacker", sessionId="a", eventId=sent).identity("r")


def test_what_arrived_before_the_change_keeps_the_sites_own_id():
    """Only the arrival tells: from the moment on ids are digests."""
    event = decoded(eventId="e-1")

    assert "e-1" == event.identity("r", arrival=99.0, digests_from=100.0)
    assert event.identity("r") == event.identity("r", arrival=100.0, digests_from=100.0)


def test_a_redriven_event_is_judged_by_its_first_arrival():
    """The mark moves an event back to where it was first; without an own id the first record's name identifies it."""
    first = decoded()
    again = decoded(timestamp=ARRIVAL, redriven={"arrival": ARRIVAL, "record": "shard-1"})
    own = decoded(eventId="e-1", redriven={"arrival": ARRIVAL - 10})

    assert first.identity("shard-1") == again.identity("shard-9")
    assert "e-1" == own.identity("r", arrival=ARRIVAL, digests_from=ARRIVAL)


@pytest.mark.parametrize("changes", [{}, {"timestamp": 1_699_999_999}])
def test_an_id_that_an_earlier_redrive_wrote_is_the_events_own_digest(changes):
    """Earlier redrives wrote the digest into the event: it is not digested again."""
    digest = decoded(**changes).identity("shard-1")

    assert digest == decoded(eventId=digest, **changes).identity("shard-1")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("userID", "userId"), ("user_id", "userId"), ("USERID", "userId"), ("user-id", "userId"), ("UserId", "userId"),
        ("sessionid", "sessionId"), ("session_id", "sessionId"), ("animalId", "animal_id"), ("animalid", "animal_id"),
        ("eventtype", "eventType"), ("event_type", "eventType"), ("animalmetadata", "animalMetadata"),
        ("animal_metadata", "animalMetadata"), ("eventID", "eventId"), ("Timestamp", "timestamp"),
        ("event_value", "eventValue"), ("recommendation_id", "recommendationId"), ("Impression", "impression"),
        ("Context", "context"), ("Properties", "properties"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("instead", [True, False])
def test_a_name_that_is_nearly_right_is_refused_with_the_right_one(wrong, right, instead):
    """In the right one's stead and beside it: one of the two values would be ignored in silence."""
    payload = site_event(**{right: site_event().get(right, "1")})
    payload[wrong] = payload.pop(right) if instead else payload[right]
    for data in (payload, {"Partitionkey": "1", "Data": payload}):
        with pytest.raises(PayloadError) as refused:
            decode_event(json.dumps(data).encode(), arrival=ARRIVAL)
        assert (wrong, f"is not known: the field is called {right}") == (refused.value.field, refused.value.message)


@pytest.mark.parametrize("wrong", ["animalSpeciesId", "ANIMAL_SPECIES_ID", "animalspeciesid"])
def test_members_of_the_animal_have_their_names_too(wrong):
    """The member is named with its place."""
    metadata = {**site_event()["animalMetadata"], wrong: "1"}

    with pytest.raises(PayloadError) as refused:
        decoded(animalMetadata=metadata)

    assert f"animalMetadata.{wrong}" == refused.value.field
    assert refused.value.message.endswith(" animal_species_id")


@pytest.mark.parametrize("wrong", ["data", "DATA", "_data"])
def test_an_envelope_has_its_name_too(wrong):
    """What would be an event without a session is an envelope whose member has another name."""
    with pytest.raises(PayloadError) as refused:
        decode_event(json.dumps({"partitionKey": "1", wrong: site_event()}).encode(), arrival=ARRIVAL)

    assert (wrong, "is not known: the field is called Data") == (refused.value.field, refused.value.message)


def test_fields_that_resemble_nothing_are_ignored():
    """Sites send more than the project knows; the archive keeps it."""
    extra = {"user": "x", "uid": "x", "data": "x", "partitionKey": "x", "animal": "x", "id": "x", "u" * 5000: "x"}

    assert decoded() == decoded(**extra)


def test_without_an_animal_the_group_identifies():
    """The group stands in for the animal's id."""
    cat = decoded(animal_id=None, timestamp=1_699_999_999)
    dog = decoded(
        animal_id=None,
        timestamp=1_699_999_999,
        animalMetadata={
            "animal_species_id": 2,
            "animal_primary_breed_id": "Pug",
            "animal_size_id": 1,
            "animal_age_id": 4,
        },
    )

    assert cat.identity("r") != dog.identity("r")
