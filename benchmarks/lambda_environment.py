"""What surrounds a handler in Lambda, for the benchmarks: environment variables and a context."""


class Context:
    """A Lambda context with time to spare."""

    function_name = "benchmark"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:benchmark"
    aws_request_id = "benchmark"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 300_000


def handler_environment(function: str, url: str) -> dict[str, str]:
    """The variables of a handler whose Personalize is at `url`; nothing listens for the other services.

    As in Lambda tracing is on and the request is sampled; segments go to the port of a daemon that is not there.
    """
    return {
        "LAMBDA_TASK_ROOT": "/var/task",
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": url,
        "AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME": url,
        "ENVIRONMENT": "benchmark",
        "LOG_LEVEL": "WARNING",
        "POWERTOOLS_SERVICE_NAME": function,
        "POWERTOOLS_METRICS_NAMESPACE": "AnimalRecommender",
        "TRACKING_IDS": "tracker",
        "QUARANTINE_BUCKET": "quarantine",
        "QUARANTINE_QUEUE_URL": "http://127.0.0.1:9/000000000000/quarantine",
        "CAMPAIGN_ARN": "arn:aws:personalize:us-east-1:000000000000:campaign/benchmark",
        "FILTER_ARNS": "{}",
        "POPULAR_BUCKET": "seed",
        "POPULAR_KEY": "popular/g1.json",
        "DEADLINE_MILLISECONDS": "1000",
        "PROMOTION_THRESHOLD": "0.01",
        "REGRESSION_TOLERANCE": "0.1",
        "COVERAGE_FLOOR": "0.01",
        "MIN_NEW_EVENTS": "1000",
    }
