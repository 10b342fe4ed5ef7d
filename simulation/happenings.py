"""What the acts of a plan do: a terminal's own, and the troubles of the world, each under its name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from simulation.plan import Act
from simulation.terminal import PlannedTerminal
from simulation.vendor_api import VendorApi
from simulation.world import World

_LOGIN_ERRORS = (7, 8, 90, 5, 60, 64, 3, 48, 4, 75, 63, 143, 3040, 9999)
"""of every verdict on a login (`ctpabi.facts.errors`), and one that is in no list"""
_LOGIN_STEPS, _CALL_STEPS = 250, 80
"""of the loop, in which a login, or calls, are over in most cases"""
_SECONDS = (0.02, 1.0, 15.0, 90.0)


class Happenings:
    """Does the acts in one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._of_terminal: dict[str, Callable[[PlannedTerminal, Act, Random], None]] = {
            "order": lambda who, act, dice: who.order(act.tag, volume=dice.randint(1, 5)),
            "keyed": lambda who, act, dice: who.order(act.tag, key=f"K{act.number}", volume=dice.randint(1, 5)),
            "burst": self._burst,
            "repeat": lambda who, _, __: who.repeat(),
            "cancel": lambda who, _, dice: who.cancel(dice),
            "query": lambda who, _, __: who.ask(public=False),
            "public": lambda who, _, __: who.ask(public=True),
            "hang_up": lambda who, _, __: who.hang_up(),
            "slow": lambda who, _, dice: who.slow(dice.choice((5.0, 60.0, 300.0))),
            "logout": self._logout,
            "move": self._move,
            "cut_login": self._cut_login,
            "cut_call": self._cut_call,
        }
        self._of_world: dict[str, Callable[[Act, Random], None]] = {
            "break": lambda _, dice: self._of_one_api(dice, lambda api: api.break_off(4097)),
            "forced_out": lambda _, dice: self._of_one_api(dice, world.counter.force_out),
            "break_all": self._break_all,
            "mute": lambda _, dice: self._mood(dice, "is_mute", True, False),
            "refuse": lambda _, dice: self._mood(dice, "error_id", dice.choice(_LOGIN_ERRORS), 0),
            "busy_api": lambda _, dice: self._mood(dice, "api_code", dice.choice((-1, -2, -3)), 0),
            "slow_counter": lambda _, dice: self._mood(dice, "slowness", dice.choice((10.0, 1000.0)), 1.0),
            "database_away": lambda _, dice: self._weather(dice, "away", True, False),
            "database_slow": lambda _, dice: self._weather(dice, "seconds", dice.choice((0.1, 1.0, 6.0)), 0.002),
            "answer_lost": self._lose_answer,
            "disk_full": self._fill_disk,
            "kill": self._kill,
            "kill_twice": self._kill_twice,
            "restart": self._restart,
            "cut_drain": self._cut_drain,
            "renew": self._renew,
            "foreign": lambda act, dice: world.counter.foreign_order(dice.choice(world.terminals).investor, act.tag),
        }

    def do(self, act: Act) -> None:
        """This happens now."""
        dice = act.dice(self._world.seed)
        if act.terminal < 0:
            self._of_world[act.kind](act, dice)
        else:
            self._of_terminal[act.kind](self._world.terminals[act.terminal], act, dice)

    # Of a terminal -----------------------------------------------------------------------------------------------

    def _burst(self, who: PlannedTerminal, act: Act, dice: Random) -> None:
        for more in range(dice.randint(2, 9)):
            who.order(act.tag + more, key=f"K{act.tag + more}" if dice.random() < 0.5 else "")

    def _logout(self, who: PlannedTerminal, _: Act, dice: Random) -> None:
        who.leave()
        self._world.later(dice.uniform(0.01, 60.0), who.come)

    def _move(self, who: PlannedTerminal, _: Act, __: Random) -> None:
        who.move()
        who.hang_up()

    def _cut_login(self, who: PlannedTerminal, _: Act, dice: Random) -> None:
        """It comes anew, or resumes, and is gone in the middle of that."""
        who.cut()
        if dice.random() < 0.7:
            who.forget()
        who.come()
        self._world.after_steps(dice.randint(1, _LOGIN_STEPS), who.cut)

    def _cut_call(self, who: PlannedTerminal, act: Act, dice: Random) -> None:
        """It is gone while its calls are on their way."""
        self._burst(who, act, dice)
        who.ask(public=dice.random() < 0.5)
        self._world.after_steps(dice.randint(1, _CALL_STEPS), who.cut)

    # Of the world ------------------------------------------------------------------------------------------------

    def _of_one_api(self, dice: Random, do: Callable[[VendorApi], object]) -> None:
        if self._world.counter.apis:
            do(dice.choice(self._world.counter.apis))

    def _break_all(self, _: Act, __: Random) -> None:
        for api in self._world.counter.apis:
            api.break_off(4097)

    def _mood(self, dice: Random, name: str, bad: object, good: object) -> None:
        self._for(dice.choice(_SECONDS), self._world.counter.mood, name, bad, good)

    def _weather(self, dice: Random, name: str, bad: object, good: object) -> None:
        self._for(dice.choice(_SECONDS), self._world.database.weather, name, bad, good)

    def _for(self, seconds: float, of: object, name: str, bad: object, good: object) -> None:
        setattr(of, name, bad)
        self._world.later(seconds, setattr, of, name, good)

    def _lose_answer(self, _: Act, __: Random) -> None:
        self._world.database.weather.answers_lost += 1

    def _fill_disk(self, _: Act, dice: Random) -> None:
        disk = self._world.slots[dice.randrange(2)].disk
        self._for(dice.choice((1.0, 20.0)), disk, "is_full", True, False)

    # Of processes ------------------------------------------------------------------------------------------------

    def _kill(self, _: Act, dice: Random) -> None:
        place = dice.randrange(2)
        self._world.kill(place)
        self._world.later(dice.choice((0.1, 2.0, 40.0)), self._world.boot, place)

    def _kill_twice(self, act: Act, dice: Random) -> None:
        """The second time while it starts, or just after."""
        self._kill(act, dice)
        place = dice.randrange(2)
        self._world.later(dice.uniform(0.0, 3.0), self._world.kill, place)
        self._world.later(5.0, self._world.boot, place)

    def _restart(self, _: Act, dice: Random) -> None:
        world, place, back = self._world, dice.randrange(2), dice.choice((0.1, 2.0, 40.0))

        async def restart() -> None:
            await world.drain(place)
            await asyncio.sleep(back)
            world.boot(place)

        world.loop.create_task(restart(), name=f"restart of relay-{place}", context=world.context)

    def _cut_drain(self, act: Act, dice: Random) -> None:
        """A process ends, and its terminals are gone in the middle of that; some come just then."""
        self._restart(act, dice)
        for terminal in self._world.terminals:
            if dice.random() < 0.3:
                self._world.after_steps(dice.randint(1, _LOGIN_STEPS), terminal.come)
            self._world.after_steps(dice.randint(1, _LOGIN_STEPS), terminal.cut)

    def _renew(self, _: Act, dice: Random) -> None:
        """An operator of the relay renews the sessions at the counter, and just then some of the terminals leave."""
        place = dice.randrange(2)
        process = self._world.processes[place]
        if process is None:
            return
        process.context.copy().run(process.counter.reconnect, "an operator asked for it")
        for terminal in self._world.terminals:
            if terminal.place == place and dice.random() < 0.7:
                self._world.later(dice.uniform(0.0, 0.012), terminal.leave)
                self._world.later(dice.uniform(3.0, 60.0), terminal.come)
