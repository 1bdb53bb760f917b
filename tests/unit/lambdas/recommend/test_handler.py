"""recommend as Lambda runs it: over HTTP to a fake Personalize."""

import json


def test_answers_the_bare_request_with_the_list(load_handler, personalize, context):
    """The documented request without a body gets the list itself."""
    handler = load_handler("recommend")

    answer = handler.lambda_handler({"userId": "u1", "limit": 2}, context)

    assert [{"id": "2-Beagle-3-3"}, {"id": "1-Siamese-2-2"}] == answer


def test_answers_the_object_form_as_the_reference_does(load_handler, personalize, context):
    """A dict body is answered with statusCode and a JSON text."""
    handler = load_handler("recommend")

    answer = handler.lambda_handler({"body": {"userId": "u1", "limit": 1}}, context)

    assert {"statusCode": 200, "body": json.dumps([{"id": "2-Beagle-3-3"}])} == answer
