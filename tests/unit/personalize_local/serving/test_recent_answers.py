"""What the server remembers of its answers."""

from personalize_local.model.entries import Entry
from personalize_local.serving.recent_answers import RecentAnswers


def test_answers_are_known_by_their_ids() -> None:
    """The first 25 items in their order, and the campaign; nothing of an answer that was never given."""
    answers = RecentAnswers()
    answers.remember("RID-1", "campaign", [Entry(f"i{number}", 0.1) for number in range(30)])
    assert [f"i{number}" for number in range(25)] == answers.items("RID-1")
    assert "campaign" == answers.campaign("RID-1")
    assert ([], None) == (answers.items("RID-2"), answers.campaign("RID-2"))


def test_the_oldest_answer_is_forgotten() -> None:
    """No more than the given number are kept."""
    answers = RecentAnswers(most=2)
    for name in ("RID-1", "RID-2", "RID-3"):
        answers.remember(name, "campaign", [Entry(name)])
    assert [[], ["RID-2"], ["RID-3"]] == [answers.items(name) for name in ("RID-1", "RID-2", "RID-3")]
