"""What a deploy has to do, decided from what stands."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.naming import EMPTY_LEDGER, ROLES, Role
from infra.settings import Settings, load_settings
from tools.deploy.observe import Observed
from tools.deploy.plan import (
    USERS_OF_PERSONALIZE,
    CarryHistory,
    ConfigureSolutions,
    DeployCampaigns,
    DeployStacks,
    DropLedgers,
    FillPopularList,
    FixEventIds,
    MakeLedgers,
    PrepareEventIds,
    Step,
    Synthesize,
    Train,
    UploadSeed,
    build_steps,
    promotion_steps,
    title,
    training_steps,
)

VERSION = "arn:aws:personalize:us-east-1:123456789012:solution/dev-recommender-solution-pss/0123abcd"
Ledgers = dict[tuple[Role, int], str]


def settings_of(generation: int = 1, *, reranking: bool = True) -> Settings:
    settings = load_settings("dev")
    return settings.model_copy(update={"generation": generation, "reranking_enabled": reranking})


def observed(ledgers: Ledgers | None = None, *, serving: int | None = None) -> Observed:
    return Observed(stacks={"data": "CREATE_COMPLETE"}, ledgers=ledgers or {}, serving=serving, event_ids="none")


def ledgers_of(generation: int, *, recommendation: str = VERSION, reranking: str = VERSION) -> Ledgers:
    return {("recommendation", generation): recommendation, ("reranking", generation): reranking}


BUILD_OF_ONE = [
    Synthesize((1,), 1),
    DeployStacks(("data",)),
    MakeLedgers(1),
    UploadSeed(),
    DeployStacks(("personalize", *USERS_OF_PERSONALIZE)),
    ConfigureSolutions(1),
]


def test_the_first_deploy_builds_everything_but_the_campaigns() -> None:
    """Data, ledgers and seed come before the Personalize stack, which imports the seed at once."""
    steps = build_steps(settings_of(), Observed(stacks={}, ledgers={}, serving=None))
    assert [PrepareEventIds("none"), *BUILD_OF_ONE] == steps


def test_a_later_deploy_does_the_same_steps() -> None:
    """A deploy of what stands is the first deploy again; each step finds that it has little to do."""
    assert BUILD_OF_ONE == build_steps(settings_of(), observed(ledgers_of(1), serving=1))


STANDING = {"data": "UPDATE_COMPLETE", "ingestion": "UPDATE_COMPLETE"}


def test_an_environment_with_ids_as_the_site_gave_them_changes_in_two_steps() -> None:
    """First the new forwarder, which still sends the old ids; the moment when no older one runs; then its template."""
    upgraded = Observed(stacks=STANDING, ledgers=ledgers_of(1), serving=1)
    steps = build_steps(settings_of(), upgraded)
    change = [FixEventIds(), DeployStacks(("ingestion",))]
    assert [PrepareEventIds("pending"), *BUILD_OF_ONE[:-1], *change, BUILD_OF_ONE[-1]] == steps


def test_an_interrupted_change_goes_on() -> None:
    """The parameter says `pending`: it is not made again, and the moment is still to be fixed."""
    interrupted = Observed(stacks=STANDING, ledgers=ledgers_of(1), serving=1, event_ids="pending")
    steps = build_steps(settings_of(), interrupted)
    assert [*BUILD_OF_ONE[:-1], FixEventIds(), DeployStacks(("ingestion",)), BUILD_OF_ONE[-1]] == steps


@pytest.mark.parametrize("event_ids", ["none", "1790000000"])
def test_a_change_that_was_made_is_never_made_again(event_ids: str) -> None:
    """Neither a moment nor `none` is touched by a later deploy."""
    done = Observed(stacks=STANDING, ledgers=ledgers_of(1), serving=1, event_ids=event_ids)
    assert BUILD_OF_ONE == build_steps(settings_of(), done)


def test_the_parameter_stands_before_any_deployment_of_the_forwarder() -> None:
    """Its template reads it, also where an earlier generation is removed first."""
    leaving = Observed(stacks=STANDING, ledgers=ledgers_of(1) | ledgers_of(2), serving=2)
    steps = build_steps(settings_of(2), leaving)
    assert PrepareEventIds("pending") == steps[0]
    assert DeployStacks(USERS_OF_PERSONALIZE) in steps


def test_it_trains_where_a_ledger_is_none() -> None:
    """One role without a model is enough for a training run, which judges an earlier version before it makes one."""
    half = ledgers_of(1, reranking=EMPTY_LEDGER)
    assert [Train(1)] == training_steps(settings_of(), observed(half, serving=1))


def test_it_trains_nothing_where_every_model_is_promoted() -> None:
    """Retraining is the schedule's business, not the deploy's."""
    assert [] == training_steps(settings_of(), observed(ledgers_of(1), serving=1))


def test_campaigns_wait_for_the_first_promotion() -> None:
    """With every ledger at `none` there is nothing to serve, and the campaigns stack is left alone."""
    nothing = ledgers_of(1, recommendation=EMPTY_LEDGER, reranking=EMPTY_LEDGER)
    assert [] == promotion_steps(settings_of(), observed(nothing, serving=1))


def test_one_promoted_role_gets_its_campaign_without_the_other() -> None:
    """A model held back does not hold the other role's campaign back."""
    half = ledgers_of(1, recommendation=EMPTY_LEDGER)
    assert [DeployCampaigns()] == promotion_steps(settings_of(), observed(half, serving=1))


def test_after_a_promotion_the_popular_list_is_asked_for() -> None:
    """Visitors get the popular list of a real model as the fallback, from the first campaign on."""
    assert [DeployCampaigns(), FillPopularList(1)] == promotion_steps(settings_of(), observed(ledgers_of(1), serving=1))


def test_a_raised_generation_is_built_beside_the_one_that_serves() -> None:
    """Both generations stand and get events; the old one serves; its data are carried over."""
    steps = build_steps(settings_of(2), observed(ledgers_of(1), serving=1))
    assert Synthesize((1, 2), 1) == steps[0]
    assert [ConfigureSolutions(2), CarryHistory(1, 2)] == steps[-2:]
    assert MakeLedgers(2) in steps
    assert not any(isinstance(step, DropLedgers) for step in steps)


def test_a_generation_held_back_leaves_the_old_one_serving() -> None:
    """Without all its models the new generation does not take over, and nothing of the old one goes."""
    ledgers = ledgers_of(1) | ledgers_of(2, reranking=EMPTY_LEDGER)
    steps = promotion_steps(settings_of(2), observed(ledgers, serving=1))
    assert [DeployCampaigns(), FillPopularList(2)] == steps


def test_a_complete_generation_takes_over_and_the_old_one_goes() -> None:
    """First campaigns of the new, then serving and forwarder leave the old, then its campaigns, resources, ledgers."""
    steps = promotion_steps(settings_of(2), observed(ledgers_of(1) | ledgers_of(2), serving=1))
    assert [
        DeployCampaigns(),
        FillPopularList(2),
        Synthesize((2,), 2),
        DeployStacks(USERS_OF_PERSONALIZE),
        DeployCampaigns(),
        DeployStacks(("personalize",)),
        DropLedgers((("recommendation", 1), ("reranking", 1))),
    ] == steps


def test_an_interrupted_removal_goes_on_without_building_the_old_generation_again() -> None:
    """Once the new generation serves, what is left of the old only goes: its import jobs could not be made again."""
    steps = build_steps(settings_of(2), observed(ledgers_of(1) | ledgers_of(2), serving=2))
    made = [step for step in steps if isinstance(step, Synthesize)]
    assert [Synthesize((2,), 2), Synthesize((2,), 2)] == made
    assert steps.index(DeployStacks(USERS_OF_PERSONALIZE)) < steps.index(DeployStacks(("personalize",)))
    # The lock's table is there before the first deploy of campaigns, also where an upgrade meets a removal.
    assert steps.index(DeployStacks(("data",))) < steps.index(DeployStacks(USERS_OF_PERSONALIZE))
    assert DropLedgers((("recommendation", 1), ("reranking", 1))) in steps


def test_an_abandoned_generation_goes_before_the_next_is_built() -> None:
    """Generation 2 was held back, the config says 3 now: 2 goes, 1 serves on, 3 is built."""
    nothing = ledgers_of(2, recommendation=EMPTY_LEDGER, reranking=EMPTY_LEDGER)
    steps = build_steps(settings_of(3), observed(ledgers_of(1) | nothing, serving=1))
    assert [Synthesize((1,), 1), Synthesize((1, 3), 1)] == [s for s in steps if isinstance(s, Synthesize)]
    assert DropLedgers((("recommendation", 2), ("reranking", 2))) in steps


def test_going_back_to_the_generation_that_serves_drops_the_new_one() -> None:
    """Lowering `generation` again before the switch is the way back."""
    steps = build_steps(settings_of(1), observed(ledgers_of(1) | ledgers_of(2), serving=1))
    assert Synthesize((1,), 1) == steps[0]
    assert DropLedgers((("recommendation", 2), ("reranking", 2))) in steps


def test_reranking_switched_off_goes_from_its_users_to_its_ledger() -> None:
    """A role that the config no longer has is removed like a generation: function, campaign, solution, ledger."""
    steps = build_steps(settings_of(reranking=False), observed(ledgers_of(1), serving=1))
    assert [
        Synthesize((1,), 1),
        DeployStacks(("data",)),
        DeployStacks(USERS_OF_PERSONALIZE),
        DeployCampaigns(),
        DeployStacks(("personalize",)),
        DropLedgers((("reranking", 1),)),
    ] == steps[:6]


def test_a_deploy_that_never_finished_keeps_its_events() -> None:
    """Where no function serves yet, the generation that has ledgers is the one whose data are carried on."""
    nothing = ledgers_of(1, recommendation=EMPTY_LEDGER, reranking=EMPTY_LEDGER)
    steps = build_steps(settings_of(2), observed(nothing, serving=None))
    assert CarryHistory(1, 2) in steps


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Settings, Observed]:
    """Any config meets any environment; what serves is a generation that has a ledger."""
    ledger = st.tuples(st.sampled_from(ROLES), st.integers(1, 4))
    ledgers: Ledgers = draw(st.dictionaries(ledger, st.sampled_from([EMPTY_LEDGER, VERSION])))
    generations = sorted({generation for _, generation in ledgers})
    serving = draw(st.sampled_from([None, *generations]))
    settings = settings_of(draw(st.integers(1, 4)), reranking=draw(st.booleans()))
    return settings, observed(ledgers, serving=serving)


@given(worlds())
def test_whatever_stands_the_serving_generation_is_never_left_out(world: tuple[Settings, Observed]) -> None:
    """No template is made without the generation that serves it, and the last one holds the config's."""
    settings, look = world
    steps = build_steps(settings, look)
    made = [step for step in steps if isinstance(step, Synthesize)]
    assert all(step.serving in step.generations for step in made)
    assert settings.generation in made[-1].generations
    dropped = {ledger for step in steps if isinstance(step, DropLedgers) for ledger in step.ledgers}
    assert not any(role in settings.roles and generation in made[-1].generations for role, generation in dropped)


@given(worlds())
def test_nothing_is_removed_from_personalize_before_its_users_left(world: tuple[Settings, Observed]) -> None:
    """Wherever ledgers are dropped, forwarder and serving go first, then campaigns, then Personalize."""
    settings, look = world
    for steps in (build_steps(settings, look), promotion_steps(settings, look)):
        for drop in (index for index, step in enumerate(steps) if isinstance(step, DropLedgers)):
            before = [DeployStacks(USERS_OF_PERSONALIZE), DeployCampaigns(), DeployStacks(("personalize",))]
            assert before == steps[drop - 3 : drop]


def test_every_step_has_a_title_of_its_own() -> None:
    """A deploy shows each step by a title that tells it from the others."""
    steps: list[Step] = [
        Synthesize((1,), 1),
        Synthesize((1, 2), 1),
        DeployStacks(("data",)),
        DeployStacks(USERS_OF_PERSONALIZE),
        MakeLedgers(1),
        UploadSeed(),
        ConfigureSolutions(1),
        CarryHistory(1, 2),
        Train(1),
        DeployCampaigns(),
        FillPopularList(1),
        DropLedgers((("reranking", 1),)),
    ]
    titles = [title(step) for step in steps]
    assert all(first != second for first, second in itertools.combinations(titles, 2))
    assert "Deploying ingestion, training, serving and monitoring" in titles


def test_asleep_a_deploy_trains_nothing_and_switches_nothing() -> None:
    """It only keeps the campaigns stack as the templates say; what waits goes on at the deploy after the waking."""
    for ledgers in (ledgers_of(1), ledgers_of(1, reranking=EMPTY_LEDGER), {**ledgers_of(1), **ledgers_of(2)}):
        asleep = replace(observed(ledgers, serving=1), asleep=True)
        for generation in (1, 2):
            assert [] == training_steps(settings_of(generation), asleep)
            assert [DeployCampaigns()] == promotion_steps(settings_of(generation), asleep)
    nothing = ledgers_of(1, recommendation=EMPTY_LEDGER, reranking=EMPTY_LEDGER)
    assert [] == promotion_steps(settings_of(), replace(observed(nothing, serving=1), asleep=True))
