"""Metrics in the embedded metric format, read as CloudWatch reads them."""

import json
import logging

from local_cloud.emulator.functions import embedded_metrics

DOCUMENT = {
    "_aws": {
        "Timestamp": 1_700_000_000_500,
        "CloudWatchMetrics": [
            {
                "Namespace": "Animals",
                "Dimensions": [["service", "environment"], ["environment"]],
                "Metrics": [{"Name": "Accepted", "Unit": "Count"}, {"Name": "Plain"}],
            }
        ],
    },
    "service": "forward_events",
    "environment": "local",
    "Accepted": [3, 4.5],
    "Plain": 7,
}


def test_one_datum_for_each_metric_and_dimension_set():
    """Arrays give several values, a number one; the unit defaults to None; the time is the document's."""
    both = [{"Name": "service", "Value": "forward_events"}, {"Name": "environment", "Value": "local"}]
    one = [{"Name": "environment", "Value": "local"}]
    expected = [
        {"MetricName": name, "Dimensions": dimensions, "Timestamp": 1_700_000_000.5, "Unit": unit, "Values": values}
        for dimensions in (both, one)
        for name, unit, values in (("Accepted", "Count", [3.0, 4.5]), ("Plain", "None", [7.0]))
    ]
    assert [("Animals", expected)] == list(embedded_metrics(json.dumps(DOCUMENT)))


def test_other_lines_are_only_log_lines():
    """Text, other JSON and blank lines give no metrics; the line among them does."""
    text = "\n".join(["START", '{"level": "INFO"}', json.dumps(DOCUMENT), "", 'a text about "_aws" alone'])
    assert ["Animals"] == [namespace for namespace, _ in embedded_metrics(text)]


def test_a_document_without_its_values_is_left_out_and_said(caplog):
    """A metric that the document does not hold is no metric, and no failure of the invocation."""
    broken = {key: value for key, value in DOCUMENT.items() if key != "Plain"}
    with caplog.at_level(logging.WARNING):
        assert [] == list(embedded_metrics(json.dumps(broken)))
    assert "embedded metric format" in caplog.text


def test_no_dimensions_is_one_datum_without_dimensions():
    """`Dimensions: []` is allowed by the format."""
    directive = {"Namespace": "N", "Dimensions": [], "Metrics": [{"Name": "Plain"}]}
    document = {"_aws": {"Timestamp": 0, "CloudWatchMetrics": [directive]}, "Plain": 1}
    ((_, (datum,)),) = embedded_metrics(json.dumps(document))
    assert [] == datum["Dimensions"]
