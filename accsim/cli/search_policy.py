"""Find bits and density of every layer's weights under a budget, and write them as a recipe.

Each layer's weights are pruned to a density (pass level) and coded in some bits (pass symmetric); patterns (pass
n_of_m) and bits of activations (pass activations) can be chosen, too. What that costs adds up over the layers: bits at
rest (--size), or energy (--energy) or time (--latency) on the machine that will run it, --hardware, as 'accsim run'
estimates them for the recipe. What a machine gains nothing from costs the same there. What a choice loses adds up too:
by default the noise-to-signal ratio of the weights, weighted by each layer's share of the MACs: a proxy, and no
accuracy. --proxy names a function.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from accsim.cli import console, outputs
from accsim.cli.parser import Parser, binding, names, one_of, positive
from accsim.cli.progress import Bar
from accsim.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from accsim.compress.model import Model
    from accsim.sweep.policy.find import Policy, Problem

EPILOG = """\
examples:
  accsim search policy alexnet --size 10% -o small.yaml
  accsim run alexnet --compress small.yaml
  accsim search policy mobilenet_v1 --energy 60% --hardware eyeriss_v2 --solver greedy -o frugal.yaml
  accsim search policy alexnet --latency 40% --hardware stripes --activation-bits 4,6,8,16 -o fast.yaml
  accsim search policy alexnet --energy 50% --energy-model nonzeros -o pruned.yaml
  accsim search policy alexnet --size '3 MB' --steps 4 --cooling exponential -o step.yaml   # step-1.yaml to step-4.yaml
"""


def add_arguments(parser: Parser) -> None:
    """The options of ``accsim search policy``."""
    parser.add_argument("workload", metavar="WORKLOAD", help="a network's name or a file, as for accsim run")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the recipe, a YAML file")
    budget = parser.add_argument_group("the budget: one of")
    budget.add_argument("--size", metavar="BITS", help="of all weights at rest: '3 MB', or 10%% of 32 bits each")
    budget.add_argument("--energy", metavar="SHARE", help="of a batch: 60%% of the uncompressed network, or a figure")
    budget.add_argument("--latency", metavar="TIME", help="of a batch: 80%% of the uncompressed network, or ms")
    budget.add_argument(
        "--energy-model", metavar="HOW", type=one_of("machine", "nonzeros"), default="machine",
        help="machine: by the machine's own energy table (the default); nonzeros: by the estimation method of "
        "energy-aware pruning, from words that are not zero, beside dense weights of 16 bits",
    )  # fmt: skip
    what = parser.add_argument_group("what is compressed")
    what.add_argument(
        "--tensors", metavar="FILE", help=".npz archive of trained weights, LAYER.weight; an ONNX WORKLOAD has its own"
    )
    what.add_argument("--bits", metavar="LIST", type=names, help="bits to choose from (default: 2,3,4,5,6,8)")
    what.add_argument("--densities", metavar="LIST", type=names, help="densities to choose from, 1 for no pruning")
    what.add_argument("--patterns", metavar="LIST", type=names, help="patterns to choose from as well, such as 2:4")
    what.add_argument(
        "--activation-bits", metavar="LIST", type=names,
        help="bits of the feature maps that layers read, to choose from (default: the machine's width)",
    )  # fmt: skip
    what.add_argument(
        "--inputs",
        metavar="FILE",
        help=".npy of inputs, to see what fewer bits of feature maps lose (default: made up)",
    )
    what.add_argument(
        "--layers", metavar="NAMES", type=names, action="extend", help="only these layers, as for accsim run"
    )
    what.add_argument(
        "--hardware", metavar="NAME",
        help="default: eyeriss_v2, which follows zeros; with --energy-model nonzeros eyeriss_isca16",
    )  # fmt: skip
    what.add_argument("--set", metavar="KEY=VALUE", dest="overrides", action="append", default=[])
    what.add_argument("--batch", metavar="N", type=positive, default=1, help="default: 1")
    what.add_argument("--bind", metavar="NAME=SIZE", type=binding, action="append", default=[])
    how = parser.add_argument_group("how")
    how.add_argument("--solver", metavar="HOW", type=one_of("exact", "greedy"), default="exact", help="exact or greedy")
    how.add_argument("--proxy", metavar="MODULE:FUNCTION", help="what a choice loses: f(layer, weights, compressed)")
    how.add_argument(
        "--steps", metavar="N", type=positive, help="budgets tightened in so many steps, a recipe for each"
    )
    how.add_argument(
        "--cooling", metavar="HOW", type=one_of("linear", "exponential"), default="linear",
        help="linear: equal steps (the default); exponential: equal ratios",
    )  # fmt: skip
    how.add_argument(
        "--html", metavar="FILE", help="write a report: bits, density and cost per layer, beside all layers alike"
    )
    how.add_argument("--pdf", metavar="FILE", help="the report on a few pages of paper")
    how.add_argument("--quiet", action="store_true", help="print nothing but mistakes")


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        AccsimError: a mistake in what was given, or no policy is within the budget.
    """
    from accsim.importers.opening import open_model
    from accsim.sweep.policy.cooling import Cooling
    from accsim.sweep.policy.costs import Budget, EnergyModel
    from accsim.sweep.policy.find import DEFAULT_MACHINE, METHOD_MACHINE, Problem, Solver, recipe_text

    given = [(what, text) for what in Budget if (text := getattr(arguments, what.value)) is not None]
    if len(given) != 1:
        raise InputError(["give one budget: --size, --energy or --latency"])
    what, text = given[0]
    outputs.check_pdf(arguments.pdf)
    outputs.check_writable({"--output": arguments.output, "--html": arguments.html, "--pdf": arguments.pdf})
    choices, energies = _choices(arguments), EnergyModel(arguments.energy_model)
    if arguments.hardware is None:
        arguments.hardware = METHOD_MACHINE if energies is EnergyModel.NONZEROS else DEFAULT_MACHINE
    with Bar(f"policy for {arguments.workload}", quiet=arguments.quiet) as bar:
        model = _with_weights(
            open_model(arguments.workload, batch=arguments.batch, bindings=dict(arguments.bind)), arguments.tensors
        )
        if arguments.layers:
            model = _selected(model, arguments.layers)
        problem = Problem(
            model, what, arguments.hardware, overrides=arguments.overrides, bits=choices.bits,
            densities=choices.densities, patterns=choices.patterns, activation_bits=choices.activation_bits,
            inputs=_inputs(arguments, model), proxy=arguments.proxy, energies=energies, watch=bar,
        )  # fmt: skip
        budget, solver = amount(what, text, problem.costs.reference), Solver(arguments.solver)
        if arguments.steps is None:
            policies = {arguments.output: problem.solve(budget, solver)}
        else:
            stem, ending = os.path.splitext(arguments.output)
            cooled = problem.cooled(budget, arguments.steps, Cooling(arguments.cooling), solver)
            policies = {f"{stem}-{i}{ending}": policy for i, policy in enumerate(cooled, 1)}
        reports = _reports(arguments, policies, problem)
    maps = problem.maps
    for path, policy in policies.items():
        outputs.write(path, recipe_text(policy, model.network.name, maps))
    for path, content in reports.items():
        outputs.write(path, content)
    if not arguments.quiet and outputs.STDOUT not in reports:
        for path, policy in policies.items():
            console.emit(_words(policy, problem))
            console.emit(f"wrote {path}\n{_run(arguments, what, path)}")
        console.emit("".join(f"wrote {path}\n" for path in reports))


def _run(arguments: argparse.Namespace, what: str, recipe: str) -> str:
    """The command whose result is what the policy costs; empty where its costs are not a run's."""
    if arguments.energy_model == "nonzeros" and what == "energy":
        return ""
    command = ["accsim", "run", arguments.workload, "--compress", recipe]
    if what != "size":
        command += ["--hardware", arguments.hardware, "--objective", what]
        command += [part for text in arguments.overrides for part in ("--set", text)]
    command += ["--tensors", arguments.tensors] if arguments.tensors else []
    command += ["--batch", str(arguments.batch)] if arguments.batch != 1 else []
    command += [part for name, size in arguments.bind for part in ("--bind", f"{name}={size}")]
    command += ["--layers", ",".join(arguments.layers)] if arguments.layers else []
    return f"run it: {shlex.join(command)}\n"


def _reports(arguments: argparse.Namespace, policies: dict[str, Policy], problem: Problem) -> dict[str, str | bytes]:
    """The reports that are asked for."""
    out: dict[str, str | bytes] = {}
    if arguments.html is None and arguments.pdf is None:
        return out
    from accsim.sweep.policy.find import Solver
    from accsim.sweep.policy.report import policy_view

    schedule = "" if arguments.steps is None else f"{arguments.steps} budgets, {arguments.cooling} cooling"
    command = shlex.join(["accsim", *arguments.command_line])
    view = policy_view(policies, problem, Solver(arguments.solver), schedule, command)
    if arguments.html is not None:
        from accsim.report.policy.page import render_policy

        out[arguments.html] = render_policy(view)
    if arguments.pdf is not None:
        from accsim.report.policy.pdf import policy_pdf

        out[arguments.pdf] = policy_pdf(view)
    return out


def amount(what: str, text: str, reference: float) -> float:
    """A budget: a share of a reference, or a figure in the unit of its costs.

    Raises:
        InputError: it is neither, or not above 0.
    """
    from accsim.yamlfile.units import SIZES, quantity

    share = re.fullmatch(r"\s*([0-9.]+)\s*%\s*", text)
    try:
        if share is not None:
            found = float(share[1]) / 100 * reference
        elif what == "size" and not re.fullmatch(r"[0-9.]+(e[0-9]+)?", text):
            found = float(quantity(text, SIZES, "a size such as '3 MB', or a share such as '10%'"))
        else:
            found = float(text.removesuffix("ms"))
    except ValueError as error:
        said = str(error) if what == "size" else "must be a share such as '60%', or a number"
        raise InputError([f"--{what}: {said}, got {text!r}"]) from None
    if not found > 0:
        raise InputError([f"--{what}: must be above 0, got {text!r}"])
    return found


class _Choices(NamedTuple):
    bits: tuple[int, ...] | None
    densities: tuple[float, ...]
    patterns: tuple[tuple[int, int], ...]
    activation_bits: tuple[int, ...]


def _choices(arguments: argparse.Namespace) -> _Choices:
    """What there is to choose from.

    Raises:
        InputError: every mistake.
    """
    from accsim.sweep.policy.choices import DENSITIES

    mistakes = list[str]()

    def whole(option: str, texts: list[str] | None, least: int) -> tuple[int, ...] | None:
        if texts is None:
            return None
        found = {int(text) for text in texts if text.isdigit() and least <= int(text) <= 16}
        if any(not text.isdigit() or int(text) not in found for text in texts):
            mistakes.append(f"{option}: must be whole numbers from {least} to 16, got {','.join(texts)}")
        return tuple(sorted(found))

    bits = whole("--bits", arguments.bits, 2)
    activations = whole("--activation-bits", arguments.activation_bits, 1)
    densities: tuple[float, ...] = DENSITIES
    if arguments.densities is not None:
        densities = tuple(float(text) for text in arguments.densities if re.fullmatch(r"0?\.\d+|1(\.0*)?", text))
        if len(densities) < len(arguments.densities) or 0 in densities:
            mistakes.append(f"--densities: must be above 0 and at most 1, got {','.join(arguments.densities)}")
    patterns = list[tuple[int, int]]()
    for text in arguments.patterns or ():
        parts = re.fullmatch(r"(\d{1,3}):(\d{1,3})", text)
        if parts is None or not 0 < int(parts[1]) < int(parts[2]):
            mistakes.append(f"--patterns: must be N:M with 0 < N < M, such as 2:4, got {text}")
        else:
            patterns.append((int(parts[1]), int(parts[2])))
    if arguments.inputs is not None and not activations:
        mistakes.append("--inputs: feature maps are looked at only to choose their bits: add --activation-bits")
    if mistakes:
        raise InputError(mistakes)
    return _Choices(
        bits, tuple(sorted(set(densities), reverse=True)), tuple(dict.fromkeys(patterns)), activations or ()
    )


def _inputs(arguments: argparse.Namespace, model: Model) -> npt.NDArray[np.generic] | None:
    if arguments.inputs is None:
        return None
    from accsim.compress.executor import load_array

    return load_array(arguments.inputs, model.network)


def _selected(model: Model, layers: list[str]) -> Model:
    """The model's layers of these names or patterns."""
    from dataclasses import replace

    from accsim.workload.reader import select_layers

    network = model.network
    return replace(model, network=replace(network, layers=select_layers(network.name, network.layers, layers)))


def _with_weights(model: Model, path: str | None) -> Model:
    if path is None:
        return model
    from accsim.compress.parameters import with_parameters
    from accsim.simulate.values import read_tensors

    given = read_tensors(path, model.network)
    weights = {name: {"weight": arrays["weight"]} for name, arrays in given.items() if "weight" in arrays}
    return with_parameters(model.network, weights, path)


def _words(policy: Policy, problem: Problem) -> str:
    lines = [
        f"{policy.what}: {policy.cost:.6g} {policy.unit}".rstrip() + f" of {policy.budget:.6g} allowed "
        f"({policy.cost / policy.reference:.1%} of {policy.reference:.6g})",
        problem.values,
        f"proxy: {policy.proxy}: {policy.loss:.6g}" + (", the least there is" if policy.proved else ""),
    ]
    if policy.uniform is not None:
        lines.append(f"best with all layers alike: {policy.uniform_loss:.6g} ({policy.uniform})")
    else:
        lines.append("no choice for all layers alike is within the budget")
    lines += problem.costs.notes
    lines += [f"  {layer}: {choice}" for layer, choice in policy.choices]
    return "".join(f"{line}\n" for line in lines)
