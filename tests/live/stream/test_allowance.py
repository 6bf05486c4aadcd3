"""How soon a board may be shown again."""

from __future__ import annotations

from service.live.stream.allowance import BURST, FRAMES_PER_SECOND, Allowance


def test_frames_follow_each_other_at_once_until_the_burst_is_spent_and_then_at_the_rate() -> None:
    allowance = Allowance(0.0)
    assert [allowance.pause(0.0, 0.0) for _ in range(BURST)] == [0.0] * BURST
    now, frames = 0.0, 0
    while now < 10 and frames < 10 * BURST:
        now += allowance.pause(now, 0.0)
        frames += 1
    assert abs(frames - 10 * FRAMES_PER_SECOND) <= 1


def test_quiet_time_gives_no_more_than_the_burst() -> None:
    allowance = Allowance(0.0)
    pauses = [allowance.pause(3600.0, 0.0) for _ in range(BURST + 1)]
    assert pauses[:BURST] == [0.0] * BURST
    assert pauses[BURST] > 0


def test_a_board_that_takes_long_leaves_half_of_the_time_to_others() -> None:
    assert Allowance(0.0).pause(3.0, 3.0) == 3.0
