"""A compression policy as one HTML file that needs nothing else, like the report of a run (``accsim.report.html``)."""

from __future__ import annotations

from collections.abc import Callable

from accsim.report import bars, svg
from accsim.report.axes import LogAxis, log_frame
from accsim.report.charts import NARROW, WIDE
from accsim.report.html import environment, safe
from accsim.report.policy.view import Layer, PolicyView
from accsim.report.quantities import percent, significant, whole
from accsim.report.sections import Card

LEFT, RIGHT, TOP, HEIGHT = 74.0, 24.0, 26.0, 300.0
RIVALS = 10
"""Choices for all layers alike that are listed."""


def render_policy(view: PolicyView) -> str:
    """Render a policy."""
    unit = view.measure.scale(max((max(one.before, one.after) for one in view.last.layers), default=0.0))
    context = {
        "view": view,
        "palette": (),
        "cards": cards(view),
        "findings": findings(view),
        "bits": safe(_bars(view, "bits", "Bits of the weights", lambda one: (float(one.bits), str(one.bits)))),
        "density": safe(
            _bars(view, "density", "Density of the weights", lambda one: (one.density, percent(one.density)))
        ),
        "costs": safe(
            bars.grouped(
                "costs",
                f"{view.measure.title} of each layer",
                [
                    (
                        one.name,
                        [
                            bars.Bar("before", one.before, view.measure.show(one.before), "bar-before"),
                            bars.Bar("after", one.after, view.measure.show(one.after), "bar-now"),
                        ],
                    )
                    for one in view.last.layers
                ],
                WIDE,
            )
        ),
        "choices": safe(choices(view)),
        "rivals": view.rivals()[:RIVALS],
        "unit": unit,
        "number": significant,
        "percent": percent,
        "whole": whole,
    }
    return environment().get_template("policy.html.j2").render(context)


def cards(view: PolicyView) -> list[Card]:
    """The summary: cost, budget, loss, the rival."""
    last, measure = view.last, view.measure
    rivals = view.rivals()
    value, _, unit = measure.show(last.cost).partition(" ")
    allowed, _, allowed_unit = measure.show(last.budget).partition(" ")
    out = [
        Card(measure.title.capitalize(), value, unit, f"{percent(last.cost / view.reference)} of the network before"),
        Card("Budget", allowed, allowed_unit, "met" if last.cost <= last.budget else "not met"),
        Card("Loss, by the proxy", significant(last.loss), "", "the least there is" if last.proved else "not proved"),
    ]
    if rivals:
        said = str(rivals[0])
        out.append(Card("Best with all layers alike", significant(rivals[0].loss), "", said))
    weights = sum(one.weights for one in last.layers)
    if weights:
        mean = sum(one.bits * one.weights for one in last.layers) / weights
        left = sum(one.density * one.weights for one in last.layers) / weights
        out.append(Card("Mean bits", significant(mean), "", "over all weights, pruned ones too"))
        value, _, unit = percent(left).rpartition(" ")
        out.append(Card("Weights left", value, unit, f"of {whole(weights)}"))
    return out


def findings(view: PolicyView) -> list[tuple[str, str]]:
    """(subject, sentence) pairs."""
    last, measure = view.last, view.measure
    left = last.budget - last.cost
    out = [
        (
            "Budget",
            f"{measure.show(last.cost)} of {measure.show(last.budget)} allowed, {percent(left / last.budget)} of it "
            f"left over; before compression {measure.show(view.reference)}"
            + (f", of which no choice changes {measure.show(view.fixed)}" if view.fixed else ""),
        ),
        ("Solver", f"{view.solver}" + (f", {view.schedule}" if view.schedule else "")),
        ("Proxy", f"{view.proxy}; it is not an accuracy"),
    ]
    rivals = view.rivals()
    if rivals and last.loss > 0:
        out.append(
            (
                "Against uniform",
                f"all layers with {rivals[0]} lose "
                f"{rivals[0].loss / last.loss:.3g} times as much within the same budget",
            )
        )
    elif not rivals:
        out.append(("Against uniform", "no choice for all layers alike is within the budget"))
    saved = sorted(last.layers, key=lambda one: one.after - one.before)[:3]
    out.append(("Savings", "most in " + ", ".join(f"{o.name} ({measure.show(o.before - o.after)})" for o in saved)))
    lossy = sorted(last.layers, key=lambda one: -one.loss)[:3]
    if last.loss > 0:
        out.append(("Loss", "most in " + ", ".join(f"{o.name} ({percent(o.loss / last.loss)})" for o in lossy)))
    return out


def _bars(view: PolicyView, key: str, title: str, figure: Callable[[Layer], tuple[float, str]]) -> str:
    rows = [(one.name, [bars.Bar(key, *figure(one), "bar-now")]) for one in view.last.layers]
    return bars.grouped(key, title, rows, NARROW)


def choices(view: PolicyView) -> str:
    """Loss against cost of every choice for all layers alike, and of the policies, on logarithmic axes."""
    points = [(u.cost, u.loss, str(u)) for u in view.uniform if u.loss > 0 < u.cost]
    ours = [(s.cost, s.loss, "policy") for s in view.steps if s.loss > 0 < s.cost]
    if not points or not ours:
        return ""
    unit = view.measure.scale(max(x for x, _, _ in points))
    budget = view.last.budget * unit.factor
    across = LogAxis.over([x * unit.factor for x, _, _ in points + ours] + [budget], LEFT, NARROW - RIGHT)
    up = LogAxis.over([y for _, y, _ in points + ours], TOP + HEIGHT, TOP)
    body = log_frame(across, up, "loss by the proxy", f"{view.measure.title}, {unit.unit}".rstrip(", "))
    x = across.place(budget)
    body += [
        svg.line(x, TOP, x, TOP + HEIGHT, "budget"),
        svg.text(x + 4, TOP + 10, "budget", css="halo small"),
    ]
    for kind, marks in (("m conv", points), ("best", ours)):
        for cost, loss, said in marks:
            tip = f"{said}: {view.measure.show(cost)}, loss {significant(loss)}"
            place = f'cx="{svg.num(across.place(cost * unit.factor))}" cy="{svg.num(up.place(loss))}"'
            size = 6 if kind == "best" else 4
            body.append(f'<circle class="{kind}" {place} r="{size}"><title>{svg.esc(tip)}</title></circle>')
    description = f"{len(points)} choices for all layers alike and {len(ours)} policies, on logarithmic axes."
    return svg.picture("choices", NARROW, TOP + HEIGHT + 44, "Loss against cost", description, body)
