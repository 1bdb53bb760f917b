"""What answers of the service that published notebooks have kept show beside its documentation."""

_SAMPLES = "https://github.com/aws-samples/amazon-personalize-samples/blob"
_WORKSHOP = "https://github.com/aws-samples/amazon-personalize-immersion-day/blob"
_GUIDE = "https://docs.aws.amazon.com/personalize/latest/dg"


def _link(text: str, address: str) -> str:
    return f"[{text}]({address})"


_UPDATING = _link(
    "October 2023",
    f"{_SAMPLES}/1113d96b873b1132143fb332d8f213116ce97c1f/next_steps/core_use_cases/updating_datasets"
    "/update-item-dataset-schema-example.ipynb",
)
_CLEANING = _link(
    "July 2024", f"{_WORKSHOP}/3972aa6f519c1d278aea98c56149080342be14ea/TravelGenAI/Travel_04_Clean_Up.ipynb"
)
_ASKING = _link(
    "July 2024",
    f"{_WORKSHOP}/218760c34b8a64cf97cd49062d3f25e0102be84d/NewsPublishing/News_03_Inference_Layer.ipynb",
)
_LISTING = _link(
    "July 2024",
    f"{_WORKSHOP}/0622ab8f517d3b61d459c90dd228044195d45f50/NewsPublishing/News_02_Training_Layer.ipynb",
)
_SENDING = _link(
    "example",
    f"{_SAMPLES}/c90c3cf961784b6fc5351ab3aea37d20fef22115/next_steps/workshops/POC_in_a_box/completed"
    "/05_Interacting_with_Campaigns_and_Filters.ipynb",
)
RECORDED: tuple[tuple[str, str, str, str], ...] = (
    (
        "statuses of batch inference and batch segment jobs",
        f"`CREATE PENDING`, `CREATE IN_PROGRESS`, `ACTIVE` ({_UPDATING}; ten runs, 2020 to 2024)",
        f"`PENDING`, `IN PROGRESS`, `ACTIVE`, `CREATE FAILED` ({_link('API', f'{_GUIDE}/API_BatchSegmentJob.html')})",
        "as recorded: a client that waits for `ACTIVE` or `CREATE FAILED` reads both",
    ),
    (
        "a segment in the output of a batch segment job",
        f"`usersList` ({_UPDATING})",
        f"`recommendedUsers` ({_link('guide', f'{_GUIDE}/batch-data-upload.html')})",
        "both, the same list",
    ),
    (
        "keys of `metadata` in answers",
        f"lower case ({_ASKING}; August 2024)",
        f"not said; columns are asked for as the schema spells them ({_link('guide', f'{_GUIDE}/campaigns.html')})",
        "lower case; a request may spell a column in any case",
    ),
    (
        "CreateSolutionVersion right after CreateSolution",
        f"taken in the same second ({_UPDATING}; 2018 to 2024)",
        f"the solution must be `ACTIVE` ({_link('API', f'{_GUIDE}/API_CreateSolutionVersion.html')})",
        "taken; it is `CREATE PENDING` until the solution is active",
    ),
    (
        "PutEvents right after CreateEventTracker",
        f"notebooks send the first events without a wait (inferred: {_SENDING})",
        f"the tracker must be `ACTIVE` ({_link('API', f'{_GUIDE}/API_CreateEventTracker.html')})",
        "taken and kept",
    ),
    (
        "CreateDatasetImportJob and CreateEventTracker right after CreateDataset",
        "notebooks without a wait for the dataset (inferred: their outputs do not show its status)",
        "not said",
        "taken; they are `CREATE PENDING` until the dataset is active",
    ),
    (
        "CreateDataset right after CreateDatasetGroup",
        f"every notebook waits ({_UPDATING})",
        f"wait until the group is `ACTIVE` ({_link('API', f'{_GUIDE}/API_CreateDatasetGroup.html')})",
        "`ResourceInUseException`",
    ),
    (
        "status of a dataset whose schema is replaced",
        f"`UPDATE PENDING`, `UPDATE IN_PROGRESS`, `ACTIVE` ({_UPDATING})",
        f"not among the states of a dataset ({_link('API', f'{_GUIDE}/API_Dataset.html')})",
        "as recorded, in `latestDatasetUpdate` too",
    ),
    (
        "an item of a ranking that training has not seen",
        "no score (May 2020)",
        f"score 0 ({_link('guide', f'{_GUIDE}/rankings.html')})",
        "score 0",
    ),
    (
        "ListRecipes",
        f"by name, those of the domains with `domain`, and a first page with `nextToken` ({_LISTING})",
        f"no order, no size of a page ({_link('API', f'{_GUIDE}/API_ListRecipes.html')})",
        "as recorded; two pages hold all",
    ),
    (
        "lists of a dataset group that has nothing, or is not there; ListRecommenders of a custom group",
        f"empty ({_CLEANING}, of a group that was gone)",
        f"a list ({_link('API', f'{_GUIDE}/API_ListRecommenders.html')})",
        "empty; `ListSolutionVersions` alone has an error for a solution that is not there",
    ),
    (
        "`name` of a solution version that was made without one",
        "`SOLUTION/ID` (October 2023)",
        f"the name of the version ({_link('API', f'{_GUIDE}/API_SolutionVersion.html')})",
        "as recorded; the given name where there is one",
    ),
    (
        "a dataset group that is not there",
        f"`The given dataset group does not exist: ARN` ({_CLEANING})",
        "no texts",
        "as recorded",
    ),
    (
        "headers of CSV files",
        "`item_id` under a schema with `ITEM_ID` is imported (inferred from published data)",
        f"must match the fields of the schema ({_link('guide', f'{_GUIDE}/preparing-training-data.html')})",
        "match in any case",
    ),
)
"""What it is about, what was recorded, what is documented, and what is done here."""
