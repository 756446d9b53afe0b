"""Iterative search: one environment, many small expansions."""

from __future__ import annotations

import random

import pytest

pytestmark = pytest.mark.timeout(60)

BITS, POPULATION, GENERATIONS = 12, 10, 30


def fitness(traj):
    """One-max: the number of ones in an individual."""
    traj.f_add_result("fitness", sum(traj.individual))
    return sum(traj.individual)


def bred(rng, ranked):
    """The next generation: the best half, and children of it with one bit changed."""
    best = [individual for _, individual in ranked[: POPULATION // 2]]
    children = []
    for _ in range(POPULATION - len(best)):
        mother, father = rng.sample(best, 2)
        cut = rng.randrange(1, BITS)
        child = [*mother[:cut], *father[cut:]]
        child[rng.randrange(BITS)] ^= 1
        children.append(tuple(child))
    return best + children


def ranked(traj, results):
    individuals = traj.f_get("individual").f_get_range()
    return sorted(((value, individuals[idx]) for idx, value in results), reverse=True)


def first_generation(traj, rng):
    population = [tuple(rng.randint(0, 1) for _ in range(BITS)) for _ in range(POPULATION)]
    traj.f_add_parameter("generation", 0, comment="Generation of an individual")
    traj.f_add_parameter("individual", population[0], comment="Bits")
    traj.f_explore({"generation": [0] * POPULATION, "individual": population})


@pytest.mark.claim(271)
def test_expanding_and_running_again_finds_the_optimum(make_env):
    env, rng = make_env(), random.Random(1)
    traj = env.trajectory
    first_generation(traj, rng)
    for generation in range(1, GENERATIONS):
        best = ranked(traj, env.run(fitness))
        if best[0][0] == BITS:
            break
        population = bred(rng, best)
        traj.f_expand({"generation": [generation] * POPULATION, "individual": population})
    assert best[0][0] == BITS
    assert traj.f_is_completed()
    assert len(traj) == generation * POPULATION


@pytest.mark.claim(271)
def test_postprocessing_that_expands_finds_the_optimum(make_env):
    env, rng = make_env(), random.Random(1)
    first_generation(env.trajectory, rng)

    def breed(traj, results):
        best = ranked(traj, results[-POPULATION:])
        generation = len(traj) // POPULATION
        if best[0][0] == BITS or generation == GENERATIONS:
            return None
        return {"generation": [generation] * POPULATION, "individual": bred(rng, best)}

    env.add_postprocessing(breed)
    assert max(value for _, value in env.run(fitness)) == BITS
