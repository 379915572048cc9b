"""The reports' CSS: a reading room by night, a paper report by day. System fonts, no requests.

`BASE` is what every page shares: colours, type, and the spine that findings lie along.
"""

from __future__ import annotations

__all__ = ["BASE", "CSS"]

BASE = """
:root {
  color-scheme: light dark;
  --page: #eef1f3; --panel: #fff; --ink: #14202a; --soft: #5a6a76; --rule: #d5dce1;
  --deep: #0f5e73; --tint: #0f5e73; --on-tint: #fff; --warm: #b4541b;
  --mild: #2f8f83; --moderate: #c98a12; --severe: #c03a34;
  --trough: color-mix(in srgb, var(--ink) 9%, transparent);
  --film: #0b1014; --on-film: #e9eff2; --film-soft: #93a5b0; --bone: #e4dfd3; --disc: #8fb6c2;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, serif;
  --sans: "Segoe UI Variable Text", "Segoe UI", system-ui, -apple-system, Roboto, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1418; --panel: #162027; --ink: #e4ebef; --soft: #93a5b0; --rule: #2a373f;
    --deep: #6cc3d5; --tint: #2b8ba3; --on-tint: #fff; --warm: #ec9c62;
    --mild: #45b3a4; --moderate: #e2aa3d; --severe: #ea655c;
    --film: #05080a; --bone: #58636a; --disc: #2b8ba3;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 var(--sans);
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%; }
h1, h2, .big { font-family: var(--serif); font-weight: 600; text-wrap: balance; }
b { font-weight: 650; }
.spine { border-collapse: separate; border-spacing: 0; width: 100%; table-layout: fixed; }
.spine th { font-weight: 500; font-size: .85rem; padding: 0 4px 8px; color: var(--soft);
  vertical-align: bottom; line-height: 1.25; }
.spine tbody th { padding: 0; position: relative; text-align: left; vertical-align: middle; }
.spine tbody th, .spine thead td { width: 104px; }
.spine tbody th span { color: var(--ink); font-weight: 650; }
.spine svg { position: absolute; right: 10px; top: 0; width: 46px; height: 100%; display: block; }
.spine tbody td { height: 66px; text-align: center; border: 2px solid var(--page);
  border-radius: 7px; }
.bone { fill: var(--bone); }
rect.disc { fill: var(--disc); }
"""
"""Colours, type, and the spine of a 5 x 5 grid; by night in the dark scheme."""

CSS = (
    BASE
    + """
.wide { max-width: 1160px; margin: 0 auto; padding: 0 clamp(16px, 4vw, 40px); }
header { background: var(--film); color: var(--on-film); padding: clamp(28px, 5vw, 56px) 0 72px; }
header h1 { margin: 0; font-size: clamp(1.8rem, 4.6vw, 2.9rem); line-height: 1.12;
  letter-spacing: -.012em; }
header .sum { margin: 14px 0 0; max-width: 62ch; color: var(--film-soft); font-size: 1.05rem; }
header .sum b { color: var(--on-film); }
.limits { margin: 26px 0 0; padding: 12px 16px; border-left: 3px solid #e2aa3d; max-width: 78ch;
  background: #ffffff0d; font-size: .95rem; }
.limits b { color: #f3c66b; }
main > section { margin: 0 0 64px; }
main h2 { margin: 0 0 6px; font-size: 1.6rem; letter-spacing: -.01em; }
main .lead { margin: 0 0 22px; color: var(--soft); max-width: 70ch; }
.panel, .tile { background: var(--panel); border: 1px solid var(--rule); border-radius: 6px; }
figure { margin: 0; }
figcaption strong { display: block; }

.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px; margin: -44px 0 64px; }
.tile { padding: 18px 18px 16px; display: flex; flex-direction: column; }
.tile h3 { margin: 0; font-size: .95rem; font-weight: 650; }
.big { margin: 4px 0 0; font-size: 3rem; line-height: 1.05; color: var(--deep);
  letter-spacing: -.02em; }
.words { margin: 2px 0 0; font-size: .85rem; color: var(--soft); }
.tile > .track { margin-top: auto; }
.track { position: relative; height: 8px; background: var(--trough); border-radius: 2px;
  margin: 18px 0 10px; }
.tile > .words + .track { margin-top: auto; }
.tile .words { margin-bottom: 18px; }
.fill { position: absolute; inset: 0 auto 0 0; background: var(--tint); border-radius: 2px; }
.tick { position: absolute; top: -5px; bottom: -5px; width: 0; border-left: 2px solid var(--ink); }
.tick.t1 { border-left-color: var(--warm); }
.tick.t2 { border-left: 3px double var(--mild); }
.refs { margin: 0; font-size: .85rem; color: var(--soft); display: flex; flex-wrap: wrap;
  gap: 2px 14px; min-height: 2.9em; align-content: flex-start; }
.refs b { color: var(--ink); }
.refs span::before { content: ""; display: inline-block; height: .8em; vertical-align: -.08em;
  margin-right: 6px; border-left: 2px solid var(--ink); }
.refs .t1::before { border-left-color: var(--warm); }
.refs .t2::before { border-left: 3px double var(--mild); }
.kappas .row { display: flex; justify-content: space-between; font-size: .82rem; margin: 10px 0 0;
  color: var(--soft); white-space: nowrap; }
.kappas .row b { color: var(--ink); }
.kappas .words { margin-bottom: 6px; }
.kappas .track { margin: 6px 0 8px; height: 6px; }

.anatomy { display: grid; grid-template-columns: minmax(0, 2.2fr) minmax(220px, 1fr); gap: 36px;
  align-items: center; }
.anatomy .lead { margin: 6px 0 16px; }
.spine td, .matrix td { background: color-mix(in srgb, var(--tint) calc(var(--v, 0) * 88% + 6%),
  var(--panel)); }
.spine td b { display: block; line-height: 1.2; font-size: 1.05rem; }
td small { font-size: .75rem; }
td.strong { color: var(--on-tint); }
td.empty { color: var(--soft); background: none; }
.spine thead td { background: none; border: 0; }
.scale { display: flex; align-items: center; gap: 10px; font-size: .85rem; color: var(--soft); }
.scale i { flex: 1; height: 8px; border-radius: 2px; max-width: 160px;
  background: linear-gradient(90deg, color-mix(in srgb, var(--tint) 6%, var(--panel)),
  color-mix(in srgb, var(--tint) 94%, var(--panel))); }

.matrices { display: grid; gap: 14px; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.curves { display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr)); }
.curve { padding: 16px 14px 10px; display: flex; flex-direction: column; }
.curve .chart { margin-top: auto; }
.curve figcaption { padding: 0 4px 6px; }
.key { margin-right: 14px; font-size: .85rem; color: var(--soft); white-space: nowrap; }
.key b { color: var(--ink); }
.key::before { content: ""; display: inline-block; width: 14px; height: 3px; margin-right: 6px;
  vertical-align: .25em; background: var(--warm); }
.key.b::before { background: var(--tint); }
.chart { display: block; width: 100%; height: auto; }
.chart text { font: 12.5px var(--sans); fill: var(--soft); font-variant-numeric: tabular-nums; }
.grid { stroke: var(--rule); stroke-width: 1; }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke: var(--warm); }
.line.b { stroke: var(--tint); }
circle.dot { fill: var(--warm); } circle.dot.b { fill: var(--tint); }

.matrix { padding: 16px 18px 18px; }
.matrix figcaption span { font-size: .85rem; color: var(--soft); }
.matrix figcaption b { color: var(--ink); }
.matrix table { width: 100%; margin-top: 12px; border-collapse: separate; border-spacing: 3px;
  table-layout: fixed; }
.matrix th { font-size: .8rem; font-weight: 500; color: var(--soft); padding: 2px 4px;
  line-height: 1.2; }
.matrix tbody th { text-align: left; padding-left: 0; }
.matrix thead td { background: none; font-size: .8rem; color: var(--soft); vertical-align: bottom; }
.matrix tbody td { height: 58px; text-align: center; border-radius: 4px; }
.matrix td b { display: block; line-height: 1.2; }

.scroll { overflow-x: auto; background: var(--panel); border: 1px solid var(--rule);
  border-radius: 6px; margin-bottom: 16px; }
.scroll:focus-visible { outline: 2px solid var(--tint); }
.measures { border-collapse: collapse; width: 100%; font-size: .9rem; }
.measures caption { text-align: left; padding: 16px 18px 8px; font-weight: 650; }
.measures th, .measures td { padding: 6px 12px; text-align: right; white-space: nowrap; }
.measures thead th { color: var(--soft); font-weight: 500; font-size: .85rem;
  border-bottom: 1px solid var(--rule); }
.measures thead td { border-bottom: 1px solid var(--rule); position: sticky; left: 0;
  background: var(--panel); }
.measures tbody th { text-align: left; font-weight: 450; position: sticky; left: 0;
  background: var(--panel); padding-left: 18px; }
.measures td:last-child, .measures thead th:last-child { padding-right: 18px; }
.measures .whole th, .measures .whole td { font-weight: 650; }
.measures .first th, .measures .first td { border-top: 1px solid var(--rule); }
.measures tbody tr:last-child > * { padding-bottom: 14px; }

.examples { display: grid; gap: 14px; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.example { overflow: hidden; }
.film { background: #000; }
.film svg { display: block; width: 100%; height: auto; aspect-ratio: 1; }
.mark circle { fill: none; stroke-width: 3; stroke: #cfd8dc; }
.mark text { font: 600 17px var(--sans); fill: #fff; paint-order: stroke; stroke: #000c;
  stroke-width: 4px; stroke-linejoin: round; }
.mark .disc { stroke: #0009; stroke-width: 1; fill: #cfd8dc; }
.mark .ring.mild { stroke: #45b3a4; } .mark .disc.mild { fill: #45b3a4; }
.mark .ring.moderate { stroke: #f0b840; } .mark .disc.moderate { fill: #f0b840; }
.mark .ring.severe { stroke: #ff5f54; } .mark .disc.severe { fill: #ff5f54; }
.mark .ring.none { stroke-dasharray: 3 4; } .mark .disc.none { fill: none; stroke: none; }
.example figcaption { padding: 14px 18px 16px; }
.example ul { list-style: none; margin: 8px 0 0; padding: 0; font-size: .82rem; }
.example li { display: grid; grid-template-columns: 12px minmax(44px, auto) 1fr auto; gap: 8px;
  align-items: center; padding: 3px 0; }
.example em { font-style: normal; color: var(--soft); white-space: nowrap; }
.example .other em { color: var(--warm); font-weight: 600; }
.chip { width: 11px; height: 11px; border-radius: 50%; background: var(--mild); }
.chip.moderate { background: var(--moderate); } .chip.severe { background: var(--severe); }
.chip.none { background: none; border: 1.5px dashed var(--soft); }
.legend { display: flex; flex-wrap: wrap; gap: 6px 20px; margin: 0 0 16px; padding: 0;
  list-style: none; font-size: .88rem; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: 8px; }
footer { border-top: 1px solid var(--rule); padding: 28px 0 56px; color: var(--soft);
  font-size: .9rem; }
footer ul { margin: 0; padding-left: 1.1em; max-width: 80ch; }
footer li { margin-bottom: 6px; }

@media (max-width: 960px) {
  .tiles, .matrices, .examples { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .anatomy { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 600px) {
  .tiles, .curves, .matrices, .examples { grid-template-columns: minmax(0, 1fr); }
  main > section { margin-bottom: 48px; }
  .refs { min-height: 0; }
  .measures tbody th { white-space: normal; min-width: 118px; line-height: 1.3; }
  .measures tbody th, .measures caption { padding-left: 14px; }
  .spine tbody th, .spine thead td { width: 62px; }
  .spine svg { display: none; }
  .spine th { font-size: .75rem; padding: 0 1px 6px; }
  .spine td small { display: none; }
  .spine tbody td { height: 48px; }
}
@media print { header { background: none; color: var(--ink); } .tiles { margin-top: 0; } }
"""
)
