"""`python -m personalize_local.api.fidelity`: writes docs/develop/personalize-fidelity.md from the table of operations.

Which operations are carried out is read from the code; what differs from the service is written here, beside it.
"""

import dataclasses
from pathlib import Path

from personalize_local.api.recordings import RECORDED
from personalize_local.api.services import routes
from personalize_local.model.recipes import RECIPES
from personalize_local.operations import ABSENT, OPERATIONS, schedule
from personalize_local.serving import exploration
from personalize_local.settings.quotas import Quotas, Rates

PAGE = Path(__file__).parents[2] / "docs" / "develop" / "personalize-fidelity.md"

_DOMAIN = "Domain dataset groups and recommenders are not there."
_NO_RECOMMENDER = "There are no recommenders: `ResourceNotFoundException`, whatever the request names."
_ACTIONS = "Next-best-action is not there: no action datasets, no such recipe."
REASONS: dict[str, str] = {
    "CreateRecommender": _DOMAIN,
    **dict.fromkeys(ABSENT, _NO_RECOMMENDER),
    **dict.fromkeys(("PutActions", "PutActionInteractions", "GetActionRecommendations"), _ACTIONS),
}
"""Why an operation is refused."""

DIFFERENCES: dict[str, str] = {
    "CreateSchema": "`domain` is refused.",
    "CreateDatasetGroup": "`domain` is refused; a KMS key is recorded, nothing is encrypted.",
    "CreateDataset": "Interactions, Items and Users; the two action types are refused.",
    "CreateDatasetImportJob": "A row that cannot be read fails the job with its line. The role is not used.",
    "CreateDatasetExportJob": "Files are named `part-00000.csv` and so on.",
    "CreateDataDeletionJob": "Takes seconds, not up to a day. Users are strangers to every version then; what models"
    " have learned from them stays until they are trained again, and a training that is under way may still see them."
    " The old files go at the next start.",
    "CreateFilter": "Active after the pace of the server, also where the service takes minutes.",
    "CreateSolution": "`performAutoML` chooses the first recipe that is listed, without a comparison."
    " `performHPO` and `hpoConfig` are recorded only.",
    "UpdateSolution": "`performIncrementalUpdate` is recorded only.",
    "CreateSolutionVersion": "UPDATE takes the latest full version as it is, metrics too, and brings new items in as"
    " exploration; AUTOTRAIN is refused. `trainingHours` are the hours that this computer needed.",
    "CreateCampaign": "`minProvisionedTPS` is recorded only. `rankingInfluence` is recorded only.",
    "CreateMetricAttribution": "Reports go to S3 with imports that ask for them; none go to CloudWatch. A"
    " `RECOMMENDATION_ID` in a CSV file names no source.",
    "UpdateMetricAttribution": "Done at once.",
    "CreateBatchInferenceJob": "Themes are refused. The job sees everything up to its start, not only what is 15"
    " minutes old. `batchInferenceJobConfig` is recorded only.",
    "CreateBatchSegmentJob": "A segment holds users whom the training has seen.",
    "DescribeAlgorithm": "Without image, role and resource configuration.",
    "ListRecipes": "The recipes of the domains are listed and described; nothing can be made of them.",
    "ListRecommenders": "Always empty.",
    "PutItems": "Filters see the item at once; with `--record-delay 1200` after the service's 20 minutes.",
    "PutUsers": "Filters see the user at once; with `--record-delay 1200` after the service's 20 minutes.",
    "PutEvents": "A `recommendationId` stands for the first 25 items of that answer, if it is among the last 10,000"
    " since the start.",
    "GetRecommendations": "An explored item of version 1 of the recipe has the score of an average item.",
}
"""What a client can notice, by operation."""

_NO_QUOTA = "the documentation names no quota that the operation could exceed"
_ONE_EACH = "a group has one dataset a type and one tracker; a second one is `ResourceAlreadyExistsException`"
_NO_STATE = "the documentation names no state of a resource in which its tags cannot be read or changed"
UNREACHED: dict[tuple[str, str], str] = {
    ("CreateDataset", "LimitExceeded"): _ONE_EACH,
    ("CreateEventTracker", "LimitExceeded"): _ONE_EACH,
    ("CreateDatasetExportJob", "LimitExceeded"): _NO_QUOTA,
    ("CreateMetricAttribution", "LimitExceeded"): _NO_QUOTA,
    ("UpdateSolution", "LimitExceeded"): _NO_QUOTA,
    ("TagResource", "LimitExceeded"): "more than 50 tags of a resource are `TooManyTagsException`",
    ("ListTagsForResource", "ResourceInUse"): _NO_STATE,
    ("TagResource", "ResourceInUse"): _NO_STATE,
    ("UntagResource", "ResourceInUse"): _NO_STATE,
}
"""Modelled errors (by operation, without `Exception`) that no request leads to, and why; a fault can order them."""

CHOICES: tuple[tuple[str, str], ...] = (
    ("a row of a CSV that cannot be read", "the import fails and names the line"),
    ("the order of the columns in a CSV file", "any, whatever the schema's; a byte order mark is no part of a name"),
    ("two columns of a CSV file that differ by case alone", "refused when the schema has such a column"),
    ("the region and the bucket policy of a bucket", "not looked at"),
    ("who may call", "everyone; the local cloud judges the roles of its functions and of its state machine"),
    ("an unknown tracking id", "`InvalidInputException`, the only error that PutEvents models"),
    ("a resource that is not `ACTIVE` yet, as a parent", "`ResourceInUseException`, but for the calls listed above"),
    (
        "a call that is taken while its parent is made",
        "ends as `CREATE FAILED`, with the reason, if the parent does",
    ),
    ("a campaign or filter that is not `ACTIVE`, at run time", "`InvalidInputException`"),
    ("the order of items in a ranking that training has not seen", "last, in the order given"),
    ("the texts of errors", "the service's own where one is known, else this server's: they say what was expected"),
    ("the text of a missing resource of another kind than a dataset group", "in the pattern of the recorded one"),
    ("a campaign for `$LATEST` before any version is active", "`ResourceNotFoundException`"),
    ("trainingMode AUTOTRAIN", "refused: the documentation does not say what it is"),
    (
        "`itemId` or `eventValue` inside the `properties` of an event",
        "the event's own, in any case and with or without underscores, as the guide's examples send them; a member"
        " of the"
        ' event itself counts more; a value that is no number (the guide\'s `"true"`) leaves the event without one',
    ),
    (
        "the spelling of keys in the `properties` of PutEvents",
        "any case, with or without underscores; two spellings of one key with different values are refused",
    ),
    (
        "the spelling of keys in the `properties` of PutItems and PutUsers",
        "the column's own name, or camel case of it in any case: `DSTCity` and `dstCity`, `memberClass` and"
        " `memberclass`",
    ),
    (
        "values in `properties`",
        "numbers and truth values as texts too; a number for a column of strings is refused by PutItems and PutUsers,"
        " exported as text and not trained on when an event has it; what the type of the column does not allow is"
        " left out"
        " of an event",
    ),
    (
        "`int` and `long`",
        "both have 64 bits; every digit counts in imports, properties, filters, answers and exports, and filters"
        " compare them with fractions as written; `float` and `double` are doubles, and compared as such",
    ),
    (
        "reserved columns",
        "`EVENT_TYPE`, `CREATION_TIMESTAMP` and the like are known in any case that the schema writes them in;"
        " exports write them in capitals",
    ),
    (
        "quotes and backslashes in CSV",
        "a backslash escapes a quote or a backslash, in quotes and without; a doubled quote in quotes is a quote;"
        " any other"
        " backslash is one; quoted cells may hold line breaks",
    ),
    (
        "the dialect of exports",
        "RFC 4180 (a quote is doubled); a backslash is written twice only before a quote, another backslash or the"
        " closing"
        " quote, so that the export can be imported again",
    ),
    ("the lines of batch input", "end at a newline alone; a carriage return before it is white space"),
    (
        "the output of a batch job",
        "refused by the call when the input's address is the beginning of its own; an input file may lie in the"
        " output's"
        " folder, where the answers of earlier jobs are no input",
    ),
    (
        "which call refuses a schema",
        "CreateSchema what is no schema; CreateDataset and UpdateDataset what the type of the dataset does not allow"
        " (record name, required and reserved fields, 5, 25 or 100 metadata fields, textual fields)",
    ),
    ("an EVENT_TYPE that may be null", "accepted; a training fails when every value is null or a reserved keyword"),
    (
        "more than 10 distinct event types and optional columns",
        "the training fails; EVENT_TYPE and EVENT_VALUE count as columns, as the page of the schema says, and event"
        " types"
        " without regard to case",
    ),
    (
        "what aws-item-attribute-affinity can train on",
        "a categorical column with at least two values, one of which two items share; else the service's words",
    ),
    (
        "UserID and Interactions in a filter",
        "every user with an interaction of the type, imported or put; what a session did counts for the user it named",
    ),
    ("how many interactions and items a training considers", "all"),
    ("a user without interactions for three months", "filters go on to consider the history"),
    ("how long an answer's `recommendationId` is known", "among the last 10,000 answers, until the server stops"),
    ("decimals of a score", "seven, as in recorded answers; batch jobs the same"),
    ("AND and OR in filters", "AND binds more tightly; no parentheses around conditions"),
    ("null in a filter", "fulfils no condition, NOT IN and != among them"),
    ("an INCLUDE whose IF does not hold, alone in its filter", "as if it were not there: everything is allowed"),
    ("an EXCLUDE whose placeholder has no value", "as if it were not there; an INCLUDE is refused"),
    ("`ActionID` in a filter", "refused, as next best action is"),
    ("a name in `filterValues` that the filter does not have", "refused"),
    ("case in filters", "of keywords, datasets, columns and event types it does not matter, of values it does"),
    ("quotes in filters", "double or single ones, no escapes"),
    (
        "statuses of data deletion jobs, of which no recording is known",
        "`PENDING`, `IN_PROGRESS`, `COMPLETED`, `FAILED`, as documented",
    ),
    (
        "statuses of an update",
        "`CREATE PENDING` and so on in `latestCampaignUpdate` and `latestSolutionUpdate`; what they update is `ACTIVE`",
    ),
    ("the status of a dataset update that failed", "`CREATE FAILED` in `latestDatasetUpdate`; the dataset is `ACTIVE`"),
    ("the keys of `metadata` for columns of several words", "the column's name in lower case, underscores and all"),
    ("how many recipes a page of ListRecipes holds when the request does not say", "20"),
    ("statuses of filters and metric attributions", "those of every other resource: `CREATE PENDING` and so on"),
    ("ARN of an event tracker", "eight hexadecimal digits, as in recorded answers"),
    ("ARN of a dataset", "`dataset/GROUP/TYPE`, the type in upper case"),
    (
        "TIMESTAMP and name of an attribution's report",
        "the beginning of the 15 minutes; `AggregatedAttributionMetrics - MODE - MILLISECONDS.csv`, MODE the import's",
    ),
    ("`publishAttributionMetricsToS3` without a metric attribution in S3", "no report, no error"),
    ("how many metric attributions a dataset group has", "as many as wanted"),
    ("ListMetricAttributionMetrics of one that is not there", "`InvalidInputException`: the model has no other"),
    ("AND and OR in `itemAttributes`", "AND binds more tightly; no parentheses"),
    ("a second data deletion job of a group", "`ResourceInUseException` while the first is under way"),
    (
        "the first automatic training",
        f"{schedule.FIRST_TRAINING:g} seconds after the solution was made, unless it has a version",
    ),
    ("automatic training without data, or with an import under way", "waits, without a failed version"),
    ("a campaign that follows `$LATEST`", "is led to a version as by UpdateCampaign, as soon as that is active"),
    (
        "a `context` that names a column or a value that training has not seen",
        "tells nothing; names match without regard to case, those that are not of the model's form are refused",
    ),
    (
        "which columns of the Interactions dataset are contextual metadata",
        "the categorical strings that are not reserved; numbers are not",
    ),
    (
        "how an `optimizationObjective` is weighed against relevance",
        "the column's standardized values join the standardized scores, 0.25 (`LOW`), 0.5 (`MEDIUM`) or 1 times",
    ),
    (
        "`average_rewards_at_k`",
        "of the column's sum over what a test user came to, the share that stood in the first 25; `k` is literal",
    ),
    ("`optimizationObjective` over a column that may be null, or with another recipe than the v1 ones", "refused"),
    (
        "how impressions guide exploration",
        "at the next automatic update, new items that were shown and not taken are explored less (Thompson sampling)",
    ),
    ("exploration weight of a campaign that names none", f"{exploration.DEFAULT_WEIGHT:g}, as documented"),
    (
        "exploration of version 2 of user-personalization",
        f"{exploration.share('aws-user-personalization-v2'):.1%} of the places, with `reason` `Exploration`",
    ),
    ("throttling (switched off unless asked for)", "`ThrottlingException` with status 429, each second anew"),
    ("anonymous events in an export", "under the session id"),
    ("what a visitor has seen", "may be recommended again; a filter excludes it"),
    ("unknown keys in the `properties` of PutItems and PutUsers", "refused"),
    ("`eventsConfig` with a recipe that is not v2", "refused"),
    ("hyperparameters of aws-similar-items that the guide lists for HPO only", "accepted as plain ones too"),
    ("scores of aws-trending-now", "none, as for the other recipe of popular items"),
    ("growth of an item", "the events of the last interval less those of the one before; what does not grow is last"),
    ("key of the trend prediction accuracy", "`trending_prediction_accuracy`, between 0 and 1"),
    (
        "keys of the NDCG with event weights",
        "`normalized_discounted_cumulative_gain_with_event_weights_at_5`, 10 and 25",
    ),
    ("NDCG of users with more test items than places", "the ideal list holds as many as there are, at most K"),
    ("size of the segments that metrics look at", "one percent of the users, at least one"),
    ("a related-items list", "does not hold the item that was asked about"),
    ("case and casing of `reason`", "`Promoted item`, `Exploration`, `Popular item`"),
)
"""Where the documentation is silent or contradicts itself, and what is done here."""


def page() -> str:
    """The page, from the operations, recipes and differences as they are."""
    operations = routes().operations
    apis: dict[str, list[str]] = {}
    for name, operation in sorted(operations.items()):
        apis.setdefault(operation.api, []).append(name)
    done = sum(name in OPERATIONS for name in operations)
    lines = [
        "# How true the local Personalize is",
        "",
        "Generated by `python -m personalize_local.api.fidelity`; a test holds it to the code. No comparison with the",
        "real service was made: differences are those to its documentation and service models, and to answers of the",
        "service that published notebooks have kept.",
        "",
        f"{done} of {len(operations)} operations are carried out. The others are refused with `InvalidInputException`",
        'and the text "... is not supported by the local Personalize.", or find nothing that they could be about.',
    ]
    for api, names in apis.items():
        lines += ["", f"## {api}", "", "| operation | state | differences known |", "| --- | --- | --- |"]
        lines += [f"| `{name}` | {_state(name)} | {_difference(name)} |" for name in names]
    lines += ["", "## Recipes", "", "| recipe | type | engine model | differences known |", "| --- | --- | --- | --- |"]
    for recipe in RECIPES.values():
        model = f"`{recipe.model}`" if recipe.model else "refused"
        lines.append(f"| `{recipe.name}` | {recipe.type} | {model} | {recipe.differences} |")
    lines += [
        "",
        "## Errors that no request leads to",
        "",
        "Every other error that an operation's model lists is reached by a test; these can be ordered as faults.",
        "",
        "| operation | error | reason |",
        "| --- | --- | --- |",
    ]
    lines += [f"| `{name}` | `{error}Exception` | {reason} |" for (name, error), reason in sorted(UNREACHED.items())]
    lines += ["", "## Quotas", "", "What a quotas file can set, and the documented values that hold without one.", ""]
    lines += ["| name | value |", "| --- | --- |"]
    lines += [f"| `{one.name}` | {one.default:,} |" for one in dataclasses.fields(Quotas)]
    lines += [f"| `rates.{one.name}` | {one.default:,} |" for one in dataclasses.fields(Rates)]
    lines += [
        "",
        "## Where recordings and documentation differ",
        "",
        "Recordings are answers in notebooks that AWS has published with their outputs. Readers of both are served",
        "where one answer can serve both; else the recording counts.",
        "",
        "| what | recorded | documented | here |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| {what} | {recorded} | {documented} | {here} |" for what, recorded, documented, here in RECORDED]
    lines += ["", "## Where the documentation leaves room", "", "| question | here |", "| --- | --- |"]
    lines += [f"| {question} | {answer} |" for question, answer in CHOICES]
    return "\n".join(lines) + "\n"


def _state(name: str) -> str:
    return "carried out" if name in OPERATIONS else "refused"


def _difference(name: str) -> str:
    return DIFFERENCES.get(name, "") if name in OPERATIONS else REASONS[name]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
