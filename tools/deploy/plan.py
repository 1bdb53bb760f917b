"""What a deploy has to do, decided from what stands. Pure: nothing is called here.

Two rules make the order:

- what is needed comes before what needs it: data, ledgers and seed, then Personalize, then the rest; a generation is
  added to Personalize before the forwarder sends events to it;
- what goes, goes the other way round: first nobody uses it (forwarder, serving), then its campaign, then its
  Personalize resources, and its ledger last, because ledgers say which generations exist.

A generation change is both, with a training in between: build the new beside the old, carry the interactions over,
train and judge, switch, remove the old. Each part can be interrupted: the next deploy observes again and decides again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from infra.naming import Role
from infra.settings import Settings
from lambdas.shared.event_ids import ALWAYS, PENDING
from tools.deploy.observe import Observed

USERS_OF_PERSONALIZE = ("ingestion", "training", "serving", "monitoring")
"""The stacks that use a generation's tracker, solutions and campaigns by name."""


@dataclass(frozen=True, slots=True)
class Synthesize:
    """Make the templates for these generations, the serving functions pointing to `serving`."""

    generations: tuple[int, ...]
    serving: int


@dataclass(frozen=True, slots=True)
class DeployStacks:
    """Deploy these stacks, side by side where their dependencies allow it."""

    stacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MakeLedgers:
    """Create the generation's ledgers as `none`, never overwriting one."""

    generation: int


@dataclass(frozen=True, slots=True)
class PrepareEventIds:
    """Note, never overwriting, from when on event ids are digests: always, or from a moment that is still to come."""

    value: str


@dataclass(frozen=True, slots=True)
class FixEventIds:
    """Name the moment from which on event ids are digests, now that no older forwarder runs."""


@dataclass(frozen=True, slots=True)
class UploadSeed:
    """Put the data that the Personalize stack imports where its templates say."""


@dataclass(frozen=True, slots=True)
class ConfigureSolutions:
    """Turn automatic training off and set the event weights."""

    generation: int


@dataclass(frozen=True, slots=True)
class CarryHistory:
    """Bring the interactions and items of one generation into another."""

    source: int
    target: int


@dataclass(frozen=True, slots=True)
class Train:
    """Run the state machine and follow it."""

    generation: int


@dataclass(frozen=True, slots=True)
class DeployCampaigns:
    """Deploy the campaigns stack under the lock and check that what serves is what the ledgers say.

    Where the environment sleeps, check that no campaign stands instead.
    """


@dataclass(frozen=True, slots=True)
class FillPopularList:
    """Ask the new campaign for the list that visitors get when Personalize does not answer, where there is none yet."""

    generation: int


@dataclass(frozen=True, slots=True)
class DropLedgers:
    """Delete these ledgers: nothing of theirs stands any more."""

    ledgers: tuple[tuple[Role, int], ...]


Step = (
    Synthesize
    | DeployStacks
    | MakeLedgers
    | PrepareEventIds
    | FixEventIds
    | UploadSeed
    | ConfigureSolutions
    | CarryHistory
    | Train
    | DeployCampaigns
    | FillPopularList
    | DropLedgers
)


def serving_generation(settings: Settings, observed: Observed) -> int:
    """The generation that visitors get until the configured one has its models."""
    target = settings.generation
    if observed.serving is not None:
        return observed.serving
    return max(observed.generations - {target}, default=target)


def generations_to_build(settings: Settings, observed: Observed) -> tuple[int, ...]:
    """The configured generation and, while it has not taken over, the one that serves."""
    return tuple(sorted({serving_generation(settings, observed), settings.generation}))


def build_steps(settings: Settings, observed: Observed) -> list[Step]:
    """All up to the first training: every stack but the campaigns stands at its end."""
    serving = serving_generation(settings, observed)
    generations = generations_to_build(settings, observed)
    leaving = _leaving(settings, observed, set(generations))
    upgraded = "ingestion" in observed.stacks and observed.event_ids in (None, PENDING)
    steps: list[Step] = []
    if observed.event_ids is None:
        # Before any deployment of the forwarder, whose template reads it.
        steps.append(PrepareEventIds(PENDING if upgraded else ALWAYS))
    if leaving:
        # Without the configured generation where it is new: it cannot be used before it is built.
        staying = tuple(g for g in generations if g in observed.generations)
        first, *rest = _removal(staying or generations, serving, leaving)
        # What the state machine and the campaigns' deploy rely on comes before them here as well: key, role, lock.
        steps += [first, DeployStacks(("data",)), *rest]
    change_of_ids: list[Step] = [FixEventIds(), DeployStacks(("ingestion",))] if upgraded else []
    steps += [
        Synthesize(generations, serving),
        DeployStacks(("data",)),
        MakeLedgers(settings.generation),
        UploadSeed(),
        DeployStacks(("personalize", *USERS_OF_PERSONALIZE)),
        *change_of_ids,
        ConfigureSolutions(settings.generation),
    ]
    if serving != settings.generation:
        steps.append(CarryHistory(serving, settings.generation))
    return steps


def training_steps(settings: Settings, observed: Observed) -> list[Step]:
    """A training where a ledger of the configured generation is still `none`, and the environment does not sleep."""
    done = observed.asleep or observed.is_complete(settings.roles, settings.generation)
    return [] if done else [Train(settings.generation)]


def promotion_steps(settings: Settings, observed: Observed) -> list[Step]:
    """The campaigns of all that was promoted and, after a generation change, the switch and the removal of the old.

    Asleep, nothing is asked or switched: there are no campaigns, and their stack is only kept as the templates say.
    """
    if not any(observed.promoted(role, generation) for role, generation in observed.ledgers):
        return []
    target = settings.generation
    steps: list[Step] = [DeployCampaigns()]
    if observed.asleep:
        return steps
    if observed.promoted("recommendation", target):
        steps.append(FillPopularList(target))
    if observed.is_complete(settings.roles, target) and serving_generation(settings, observed) != target:
        steps += _removal((target,), target, _leaving(settings, observed, {target}))
    return steps


def _leaving(settings: Settings, observed: Observed, staying: Iterable[int]) -> tuple[tuple[Role, int], ...]:
    """The ledgers whose generation goes, or whose role was switched off."""
    wanted = {(role, generation) for role in settings.roles for generation in staying}
    return tuple(sorted(set(observed.ledgers) - wanted))


def _removal(generations: tuple[int, ...], serving: int, leaving: tuple[tuple[Role, int], ...]) -> list[Step]:
    return [
        Synthesize(generations, serving),
        DeployStacks(USERS_OF_PERSONALIZE),
        DeployCampaigns(),
        DeployStacks(("personalize",)),
        DropLedgers(leaving),
    ]


def title(step: Step) -> str:
    """The step in words, as a deploy shows it."""
    match step:
        case Synthesize(generations, serving):
            if generations == (serving,):
                return "Making the templates"
            return f"Making the templates (generations {_and(generations)}, {serving} serves)"
        case DeployStacks(stacks):
            return f"Deploying {_and(stacks)}"
        case MakeLedgers():
            return "Making the ledgers"
        case PrepareEventIds():
            return "Noting how event ids are made"
        case FixEventIds():
            return "Changing event ids to digests"
        case UploadSeed():
            return "Uploading the seed data"
        case ConfigureSolutions():
            return "Configuring the solutions"
        case CarryHistory(source, target):
            return f"Carrying data from generation {source} to {target}"
        case Train():
            return "Training, judging, promoting"
        case DeployCampaigns():
            return "Deploying campaigns"
        case FillPopularList():
            return "Asking the campaigns"
        case DropLedgers():
            return "Removing ledgers of what is gone"


def _and(words: Iterable[object]) -> str:
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last
