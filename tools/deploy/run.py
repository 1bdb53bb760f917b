"""Deploying and removing an environment: observes, plans, and does each step, showing it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.naming import ALIAS, STACKS
from tools.deploy import ledger, listeners, removal, sleep, solutions
from tools.deploy import plan as planning
from tools.deploy.base import training
from tools.deploy.base.errors import DeployError
from tools.deploy.cdk import REPOSITORY, Cdk
from tools.deploy.confirm import Confirm
from tools.deploy.costs import monthly_costs, over_budget, provenance
from tools.deploy.lock import lock, old_lock
from tools.deploy.observe import Observed, is_asleep, observe, stack_status, wait_until_settled
from tools.deploy.plan import Step
from tools.deploy.seeding import history, seed
from tools.deploy.show import Display
from tools.deploy.verdict import first_verdict
from tools.environment.connection import Connection
from tools.events import event_ids

SEED_FOLDER = REPOSITORY / "seed_data"


@dataclass
class Deployment:
    """One run of `deploy.sh` for one environment."""

    connection: Connection
    display: Display
    output: Path
    """Where the templates and the log of this environment lie."""

    _made: planning.Synthesize | None = None
    _execution: training.Execution | None = None

    def __post_init__(self) -> None:
        self._settings = self.connection.settings
        self._names = self.connection.settings.names
        self._cdk = Cdk(self.connection, self.output / "templates", self.output / "deploy.log", self.display.progress)

    # --- deploy

    def deploy(self, *, wait: bool, confirm: Confirm) -> None:
        """Brings the environment to what its config says. Raises DeployError; HeldBackError where the gate says no."""
        if not self.connection.is_local:
            listeners.refuse_placeholders(self._settings)
        observed = self._settled()
        self._prepare(observed, confirm)
        self._do(planning.build_steps(self._settings, observed))
        observed = observe(self.connection)
        steps = planning.training_steps(self._settings, observed)
        if steps and not wait:
            self._start_and_leave(observed)
            return
        self._do(steps)
        observed = observe(self.connection)
        self._do(planning.promotion_steps(self._settings, observed))
        self._summary()
        if observed.asleep:
            self.display.say(sleep.stays_asleep(self._settings))
            return
        if not observed.is_complete(self._settings.roles, self._settings.generation):
            raise self._why_not(observed)

    def _settled(self) -> Observed:
        with self.display.stage("Looking at what stands") as result:
            wait_until_settled(self.connection, self.display.progress)
            observed = observe(self.connection)
            result.text = ", ".join(observed.stacks) or "nothing yet"
        return observed

    def _prepare(self, observed: Observed, confirm: Confirm) -> None:
        generations = planning.generations_to_build(self._settings, observed)
        if observed.is_new:
            self._do([planning.Synthesize(generations, planning.serving_generation(self._settings, observed))])
            self._show_costs()
            confirm.ask(f"Deploy {self._settings.environment} to account {self._settings.account}?")
        if not self._cdk.is_bootstrapped():
            with self.display.stage("Preparing account and region for the CDK"):
                self._cdk.bootstrap()
        # Before any stack that reads it.
        sleep.make_parameter(self.connection)

    def _show_costs(self) -> None:
        templates = [self._cdk.template(stack) for stack in STACKS]
        costs = monthly_costs(self._settings, templates)
        over = over_budget(self._settings, costs)
        budget, simulated = self._settings.monthly_budget_usd, self.connection.is_local
        self.display.costs(self._settings.environment, costs, budget, simulated=simulated, over=over)
        self.display.say(provenance(self._settings))

    def _start_and_leave(self, observed: Observed) -> None:
        running = training.running_training(self.connection)
        if running is None:
            # What an earlier run promoted need not wait for this one, which will hold the lock.
            self._do(planning.promotion_steps(self._settings, observed))
        with self.display.stage("Starting the training") as result:
            result.text = running or training.start_training(self.connection)
        self.display.say(
            f"The training runs. Start ./deploy.sh {self._settings.environment} again when it has ended (the topic"
            f" {self._names.topic} tells): that deploys the campaigns."
        )
        self._say_who_hears()

    # --- the steps

    def _do(self, steps: Iterable[Step]) -> None:
        for step in steps:
            with self.display.stage(planning.title(step)) as result:
                result.text = self._step(step)

    def _step(self, step: Step) -> str:
        connection, progress = self.connection, self.display.progress
        match step:
            case planning.Synthesize():
                if step == self._made:
                    return "made already"
                self._cdk.synthesize(step.generations, step.serving)
                self._made = step
                return ""
            case planning.DeployStacks(stacks):
                self._deploy_stacks(stacks)
                return ""
            case planning.MakeLedgers(generation):
                made = ledger.make_ledgers(connection, generation)
                return f"{made} new" if made else "there already"
            case planning.PrepareEventIds(value):
                event_ids.prepare(connection, value)
                return ""
            case planning.FixEventIds():
                return f"from {event_ids.fix(connection)} on"
            case planning.UploadSeed():
                files = seed.seed_files(self._cdk.template("personalize"), self._settings.generation, SEED_FOLDER)
                uploaded = seed.upload_seed(connection, files)
                return f"{uploaded} files" if uploaded else "there already"
            case planning.ConfigureSolutions(generation):
                changed = solutions.configure_solutions(connection, generation)
                return f"{changed} changed" if changed else "as they should be"
            case planning.CarryHistory(source, target):
                rows = history.carry_history(connection, source, target, SEED_FOLDER, progress)
                return f"{rows:,} rows" if rows else "there already"
            case planning.Train(generation):
                self._execution = training.train(connection, generation, progress)
                return self._execution.status.lower()
            case planning.DeployCampaigns():
                return self._deploy_campaigns()
            case planning.FillPopularList(generation):
                return self._fill_popular_list(generation)
            case planning.DropLedgers(ledgers):
                ledger.drop_ledgers(connection, ledgers)
                return ""

    def _deploy_stacks(self, stacks: tuple[str, ...]) -> None:
        if "training" in stacks and old_lock.machine_is_old(self.connection):
            # The runs of the state machine that goes and of the one that comes have different locks.
            with lock.held(self.connection, self.display.progress) as mine:
                mine.check()
                self._cdk.deploy(stacks, stop=mine.lost)
            return
        self._cdk.deploy(stacks, adopt_existing="data" in stacks and self._archive_was_kept())

    def _deploy_campaigns(self) -> str:
        with lock.held(self.connection, self.display.progress) as mine:
            # A deploy whose lock was taken over may have left CloudFormation at work.
            wait_until_settled(self.connection, self.display.progress)
            generations = self._synthesized_generations()
            if is_asleep(self.connection):
                if sleep.standing_campaigns(self.connection) or not self._cdk.is_deployed("campaigns"):
                    mine.check()
                    self._cdk.deploy(["campaigns"], stop=mine.lost)
                    mine.check()
                    sleep.remove_campaigns(self.connection, self.display.progress)
                return "none: the environment sleeps"
            # The state machine moves campaigns by itself. Where all is as the ledgers say, CloudFormation, which knows
            # the version of its own last update only, would update them to what they serve.
            serving = ledger.compare_campaigns(self.connection, generations)
            if serving.otherwise or not self._cdk.is_deployed("campaigns"):
                mine.check()
                self._cdk.deploy(["campaigns"], stop=mine.lost)
                mine.check()
                serving = ledger.compare_campaigns(self.connection, generations)
            if serving.otherwise:
                raise DeployError("; ".join(serving.otherwise))
            return "; ".join(serving.as_told)

    def _synthesized_generations(self) -> tuple[int, ...]:
        recorded = self._cdk.template("personalize")["Metadata"]["Generations"]
        return tuple(int(number) for number in recorded)

    def _fill_popular_list(self, generation: int) -> str:
        s3, key = self.connection.client("s3"), self._names.popular_key(generation)
        try:
            s3.head_object(Bucket=self._names.bucket("seed"), Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "NotFound"):
                raise
        else:
            return "there already"
        run = training.start_training(self.connection, "canary")
        ended = training.follow(self.connection, run, generation, self.display.progress)
        if ended.status != "SUCCEEDED":
            raise DeployError(f"the campaigns stand, but did not answer a trial request: {ended.cause or ended.error}")
        return key

    def _archive_was_kept(self) -> bool:
        """Whether a protected environment was removed and left its archive, which the new stack is to take up."""
        if not self._settings.protected:
            return False
        cloudformation = self.connection.client("cloudformation")
        if stack_status(cloudformation, self._names.stack("data")) is not None:
            return False
        try:
            self.connection.client("s3").head_bucket(Bucket=self._names.bucket("archive"))
        except ClientError:
            return False
        return True

    # --- the end

    def _why_not(self, observed: Observed) -> DeployError:
        """The error that tells why the configured generation has not all its models."""
        target, serving = self._settings.generation, planning.serving_generation(self._settings, observed)
        missing = [role for role in self._settings.roles if not observed.promoted(role, target)]
        stands = (
            "Everything else stands; visitors get the popular list."
            if serving == target
            else f"Generation {serving} keeps serving; generation {target} stands beside it."
        )
        again = f"./deploy.sh {self._settings.environment} again judges or trains once more."
        if self._execution is None:
            return DeployError(f"no model for {', '.join(missing)} was promoted. {stands} {again}")
        return first_verdict(self._execution, missing, f"{stands} {again}")

    def _summary(self) -> None:
        names, settings = self._names, self._settings
        observed = observe(self.connection)
        rows = {"stacks": ", ".join(observed.stacks)}
        rows["generation"] = f"{observed.serving} serves"
        for (role, generation), version in sorted(observed.ledgers.items()):
            rows[f"{role}, generation {generation}"] = version
        rows["send events to"] = f"Kinesis stream {names.stream}"
        rows["recommend"] = f"Lambda function {names.function('recommend')}:{ALIAS}"
        if settings.reranking_enabled:
            rows["rerank"] = f"Lambda function {names.function('rerank')}:{ALIAS}"
        rows["names in SSM"] = names.parameter("...")
        rows["archive"] = f"s3://{names.bucket('archive')}"
        rows["dashboard"] = names.dashboard
        if self.connection.is_local:
            rows["endpoint"] = f"{self.connection.endpoint('kinesis')} (any credentials, region {settings.region})"
        self.display.summary(f"{settings.environment} is deployed", rows)
        self._say_who_hears()

    def _say_who_hears(self) -> None:
        for sentence in listeners.unheard(self.connection):
            self.display.warn(sentence)

    # --- sleep

    def sleep(self) -> None:
        """Takes the campaigns and the schedule away until it is woken. Raises DeployError, UsageError."""
        sleep.refuse_where_not_allowed(self._settings)
        sleep.refuse_where_not_deployed(self.connection, self._settled())
        self.display.say(sleep.what_it_saves(self._settings))
        with self.display.stage("Going to sleep") as result:
            result.text = sleep.change(self.connection, asleep=True, progress=self.display.progress)
        self.display.say(sleep.stays_asleep(self._settings))

    def wake(self) -> None:
        """Brings back the campaigns that the ledgers tell, without a training. Raises DeployError."""
        observed = self._settled()
        sleep.refuse_where_not_deployed(self.connection, observed)
        self.display.say(sleep.what_waking_takes())
        with self.display.stage("Waking up") as result:
            result.text = sleep.change(self.connection, asleep=False, progress=self.display.progress)
        serving = planning.serving_generation(self._settings, observed)
        if observed.promoted("recommendation", serving):
            self._do([planning.FillPopularList(serving)])
        if not observed.is_complete(self._settings.roles, self._settings.generation):
            self.display.say(f"Some models are still to be trained: ./deploy.sh {self._settings.environment} does it.")

    # --- dry run

    def dry_run(self, *, reachable: bool) -> None:
        """Shows what a deploy would do; where the environment is not `reachable`, to one in which nothing stands."""
        observed = self._settled() if reachable else Observed(stacks={}, ledgers={}, serving=None)
        steps = planning.build_steps(self._settings, observed)
        first = next(step for step in steps if isinstance(step, planning.Synthesize))
        if reachable:
            self._do([first])
        else:
            with self.display.stage(planning.title(first)):
                self._cdk.synthesize(first.generations, first.serving, deployed=False)
        self._show_costs()
        if observed.asleep:
            self.display.say(f"\n{sleep.stays_asleep(self._settings)}")
        where = "" if reachable else f" to an empty {'cloud' if self.connection.is_local else 'account'}"
        self.display.say(f"\nA deploy{where} would:")
        later = planning.training_steps(self._settings, observed)
        for step in [*steps, *later, planning.DeployCampaigns()]:
            self.display.say(f"  - {planning.title(step)}")
        if reachable:
            self.display.say("\n" + self._cdk.diff().strip())
            return
        self.display.say("\nThe stacks would hold:")
        for stack in STACKS:
            self.display.say(f"  - {self._names.stack(stack)}: {_contents(self._cdk.template(stack))}")
        if self.connection.is_local:
            self.display.say("\nThe local cloud is not up: everything would be new.")
        else:
            self.display.say(
                f"\nNo AWS credentials: nothing of {self._settings.environment} was looked at, and everything is taken"
                " to be new. With credentials (AWS_PROFILE, or `aws sso login`) this would also show what stands, the"
                f" differences to it stack by stack, and whether they belong to account {self._settings.account}."
            )

    # --- removal

    def destroy(self, *, purge: bool, confirm: Confirm) -> None:
        """Takes the environment away. Raises DeployError where something that bills is left."""
        observed = self._settled()
        keep = self._settings.protected and not purge
        confirm.ask_to_remove(self._settings, keep_archive=keep, is_there=not observed.is_new)
        progress = self.display.progress
        with self.display.stage("Ending trainings"):
            removal.stop_training(self.connection, progress)
        with self.display.stage("Deleting the stacks"):
            removal.remove_stacks(self.connection, keep_archive=keep, progress=progress)
        with self.display.stage("Deleting the rest"):
            kept = removal.remove_rest(self.connection, keep_archive=keep, progress=progress)
            if self._settings.protected and purge:
                removal.delete_keys(self.connection)
        with self.display.stage("Looking whether anything is left") as result:
            removal.check_removed(self.connection)
            result.text = "no stack, no Personalize resource"
        for line in kept:
            self.display.say(f"Kept: {line}")


def _contents(template: Mapping[str, Any]) -> str:
    """`2 S3 Bucket, 1 KMS Key`: what a stack holds, the most of a kind first."""
    kinds = Counter(resource["Type"] for resource in template.get("Resources", {}).values())
    return ", ".join(f"{count} {kind.removeprefix('AWS::').replace('::', ' ')}" for kind, count in kinds.most_common())
