"""What is refused when a state machine is created."""

import pytest

from local_cloud.emulator.states.definition import problems, states

END = {"Type": "Succeed"}


def machine(**here):
    return {"StartAt": next(iter(here)), "States": here}


def test_a_sound_definition_has_no_problems():
    """Every kind of target and every inner machine is followed."""
    definition = machine(
        A={"Type": "Map", "ItemProcessor": machine(B={"Type": "Pass", "End": True}), "Next": "C"},
        C={
            "Type": "Parallel",
            "Branches": [machine(D=END)],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "E"}],
            "Next": "E",
        },
        E={"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "F"}], "Default": "F"},
        F=END,
    )
    assert problems(definition) == []
    assert [name for name, _ in states(definition)] == ["A", "B", "C", "D", "E", "F"]


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ({"StartAt": "X", "States": {"A": END}}, "StartAt 'X' is no state"),
        (machine(A={"Type": "Pass", "Next": "X"}), "target 'X' is no state at /States/A"),
        (machine(A={"Type": "Choice", "Choices": [{"Next": "X"}], "Default": "A"}), "target 'X'"),
        (machine(A={"Type": "Choice", "Choices": [], "Default": "X"}), "target 'X'"),
        (
            machine(A={"Type": "Task", "Resource": "r", "Catch": [{"ErrorEquals": ["E"], "Next": "X"}], "End": True}),
            "target 'X'",
        ),
        (machine(A={"Type": "Pas", "End": True}), "Type 'Pas' is unknown"),
        (machine(A={"Type": "Pass"}), "either Next or End"),
        (machine(A={"Type": "Pass", "Next": "A", "End": True}), "either Next or End"),
        (
            machine(A={"Type": "Map", "ItemProcessor": machine(A=END), "End": True}),
            "name is used twice at /States/A/States/A",
        ),
        (machine(A={"Type": "Pass", "Parameters": {"list": [{"x.$": "no"}]}, "End": True}), "'x.$' must be a JSONPath"),
        (
            machine(A={"Type": "Task", "Resource": "r", "Retry": [{"ErrorEquals": ["States.ALL", "E"]}], "End": True}),
            "States.ALL must be alone and last at /States/A/Retry",
        ),
        (
            machine(A={"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter", "End": True}),
            "'Name' is required but was missing at /States/A",
        ),
        (
            machine(A={"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ssm:nothing", "End": True}),
            "is not recognized",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(definition, told):
    """One problem, one message."""
    assert any(told in problem for problem in problems(definition)), problems(definition)
