"""Random number generators in this process: finds them, compares their states, seeds them."""

from __future__ import annotations

import _random
import gc
import hashlib
import random
import sys
from typing import Any


def living() -> list[object]:
    """Return the generators of `random` and of NumPy that exist in this process."""
    bit_generator = _bit_generator()
    kinds = (random.Random,) if bit_generator is None else (random.Random, bit_generator)
    return [
        each
        for each in gc.get_objects()
        if issubclass(type(each), kinds) and not issubclass(type(each), random.SystemRandom)
    ]


def _bit_generator() -> type | None:
    module = sys.modules.get("numpy.random")
    return getattr(module, "BitGenerator", None)


def state(generator: Any) -> str:
    """Return a digest of a generator's state."""
    if isinstance(generator, random.Random):
        # The method of the base class: getstate() fails during the generator's construction.
        own = getattr(generator, "gauss_next", None)
        return _digest(_random.Random.getstate(generator), own)
    seeds = generator.seed_seq
    spawned = getattr(seeds, "n_children_spawned", 0)
    return _digest(_plain(generator.state), getattr(seeds, "entropy", None), spawned)


def _digest(*values: object) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()


def _plain(value: object) -> object:
    """Return the state of a bit generator with arrays as lists, whose repr is not abridged."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def is_as_seeded(bit_generator: Any) -> bool:
    """Return whether one of NumPy's generators has not been used since it was seeded."""
    seeds = bit_generator.seed_seq
    if seeds.n_children_spawned or seeds.spawn_key:  # other seeds are derived from its seed
        return False
    again = type(seeds)(seeds.entropy, pool_size=seeds.pool_size)
    return state(type(bit_generator)(again)) == state(bit_generator)


def can_be_renewed(generator: Any) -> bool:
    """Return whether `renew` replaces all of a generator's state."""
    if isinstance(generator, random.Random):
        return type(generator).seed is random.Random.seed
    # Older releases of NumPy cannot replace seed_seq, which seeds spawned generators.
    trial = type(generator)(0)
    seeds = trial.seed_seq
    renew(trial)
    return trial.seed_seq is not seeds


def renew(generator: Any) -> None:
    """Seed a generator from the system's entropy, in place."""
    if isinstance(generator, random.Random):
        generator.seed()
        return
    fresh = type(generator)()
    try:
        generator.__setstate__((fresh.state, fresh.seed_seq))
    except TypeError:
        generator.state = fresh.state
