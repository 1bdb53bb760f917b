"""What happens by itself as time passes: automatic training, campaigns that follow it, automatic updates.

Source: developer guide, "Configuring automatic training", "Automatic updates", and the API's text on
`syncWithLatestSolutionVersion`. One thread looks once a minute of the server's clock, when a put record becomes
visible, and when the alarm is rung.
"""

import logging
import threading

from personalize_local.control.service_context import ServiceContext
from personalize_local.data import events
from personalize_local.model.errors import ServiceError, WorkError
from personalize_local.model.recipes import recipe_of
from personalize_local.model.resources import ACTIVE, CREATING, Resource
from personalize_local.operations.campaigns import begin_update
from personalize_local.operations.solutions import begin_version, interactions_seen
from personalize_local.serving import exploration

_LOG = logging.getLogger(__name__)
_MINUTE = 60.0
_DAY = 86_400.0
FIRST_TRAINING = 3_600.0
"""Seconds after a solution was made; a version that is made by hand before takes its place."""
_DEFAULT_DAYS = 7


class Schedule:
    """The thread that looks what is due. Everything it does is stored, so a restart forgets nothing."""

    def __init__(self, core: ServiceContext) -> None:
        self._core, self._alarm = core, core.alarm
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._alarm.close()
        self._thread.join()

    def _run(self) -> None:
        while not self._alarm.closed:
            now = self._core.clock.now()
            self._alarm.set()
            try:
                visible = self._look(now)
            except Exception:  # noqa: BLE001 - a defect in one look must not end all later ones; the log tells
                _LOG.exception("the schedule failed")
                visible = None
            self._alarm.wait(min(now + _MINUTE, visible if visible is not None else now + _MINUTE))

    def _look(self, now: float) -> float | None:
        """Do what is due; when the next put record becomes visible."""
        store = self._core.store
        moved, visible = events.settle(self._core.events_path, now)
        if moved:
            self._core.events.touch()
        for solution in store.every("solution"):
            self._train(solution, now)
        for campaign in store.every("campaign"):
            self._follow(campaign)
        for campaign in store.every("campaign"):
            self._update(campaign, now)
        return visible

    def _train(self, solution: Resource, now: float) -> None:
        if solution.status != ACTIVE or not solution.body["performAutoTraining"]:
            return
        versions = self._core.store.every("solution-version", solution.arn)
        if any(version.status in CREATING for version in versions):
            return
        due = versions[-1].created + days(solution) * _DAY if versions else solution.created + FIRST_TRAINING
        if now < due:
            return
        seen = interactions_seen(self._core, solution.parent)
        if not any(seen.values()) or (versions and versions[-1].body.get("_seen") == seen):
            return
        try:
            with self._core.store.transaction() as changes:
                begin_version(self._core, changes, solution, {}, "AUTOMATIC")
        except ServiceError as error:  # no data yet, an import under way, a quota: the next look tries again
            _LOG.info("automatic training of %s waits: %s", solution.arn, error.message)

    def _follow(self, campaign: Resource) -> None:
        """Let a campaign with syncWithLatestSolutionVersion serve the newest active version."""
        config = campaign.body.get("campaignConfig", {})
        update = campaign.body.get("latestCampaignUpdate")
        if not config.get("syncWithLatestSolutionVersion") or campaign.status != ACTIVE:
            return
        if update is not None and update["status"] in CREATING:
            return
        latest = self._latest(campaign.parent)
        if latest is None or latest.arn in (campaign.body.get("_serving"), campaign.body.get("_followed")):
            return
        with self._core.store.transaction() as changes:
            current = self._core.store.get(campaign.arn, "campaign")
            if current == campaign:
                begin_update(self._core, changes, campaign.changed(campaign.updated, _followed=latest.arn), latest)

    def _latest(self, solution: str) -> Resource | None:
        versions = self._core.store.every("solution-version", solution)
        return next((version for version in reversed(versions) if version.status == ACTIVE), None)

    def _update(self, campaign: Resource, now: float) -> None:
        """Bring new items into the latest fully trained version that a campaign serves."""
        if campaign.status != ACTIVE:
            return
        version = self._latest(campaign.parent)
        recipe = recipe_of(version.body["recipeArn"]) if version else None
        if version is None or recipe is None or not exploration.explores(recipe):
            return
        if version.arn != campaign.body.get("_serving") or version.body["trainingMode"] != "FULL":
            return
        if now < version.body.get("_explored", version.updated) + self._core.options.update_interval:
            return
        try:
            exploration.update(self._core, version, now)
        except WorkError as error:
            # The next interval tries again: the other campaigns must not wait for this one.
            _LOG.warning("no automatic update of %s: %s", version.arn, error)
        with self._core.store.transaction() as changes:
            current = self._core.store.get(version.arn, "solution-version")
            if current is not None:
                changes.put(current.changed(current.updated, _explored=now))
        self._core.runtime.versions.refresh(version.arn)


def days(solution: Resource) -> int:
    """How many days lie between automatic trainings of a solution."""
    config = solution.body.get("solutionConfig", {})
    expression = config.get("autoTrainingConfig", {}).get("schedulingExpression")
    return int(expression.removeprefix("rate(").split()[0]) if expression else _DEFAULT_DAYS
