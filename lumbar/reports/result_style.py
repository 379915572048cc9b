"""CSS of one study's result: a sheet to read on a screen or to print on A4, light on ink.

Grades are told by a letter, a shape and a colour, so that none of them is ever needed alone.
"""

from __future__ import annotations

from lumbar.reports.style import BASE

__all__ = ["CSS"]

CSS = (
    BASE
    + """
.sheet { max-width: 840px; margin: 0 auto; padding: clamp(18px, 4vw, 40px) clamp(14px, 4vw, 44px); }
.top { display: flex; justify-content: space-between; gap: 8px 20px; flex-wrap: wrap;
  align-items: center; font-size: .85rem; color: var(--soft); }
.notice { border: 1.5px solid var(--warm); color: var(--warm); border-radius: 4px;
  padding: 2px 10px; font-weight: 650; }
.verdict { border-left: 6px solid var(--tone); padding: 2px 0 2px 18px; margin: 22px 0 26px; }
.verdict.none { --tone: var(--mild); } .verdict.possible { --tone: var(--moderate); }
.verdict.found { --tone: var(--severe); } .verdict.unknown { --tone: var(--soft); }
.verdict h1 { margin: 0 0 6px; font-size: clamp(1.5rem, 4.4vw, 2.1rem); line-height: 1.15; }
.verdict p { margin: 2px 0; max-width: 76ch; }
.verdict p + p { color: var(--soft); font-size: .93rem; }
.study { margin: 10px 0 0; font-size: .85rem; color: var(--soft); overflow-wrap: anywhere; }
h2 { margin: 30px 0 8px; font-size: 1.25rem; }
.lead { margin: 0 0 12px; color: var(--soft); font-size: .9rem; max-width: 76ch; }
.spine tbody td { height: 52px; border: 0; padding: 0; }
.cell { margin: 2px; height: 48px; border: 1.5px solid var(--edge); border-radius: 6px;
  display: flex; align-items: center; justify-content: center; gap: 7px; }
.cell b { font-size: 1.05rem; } .cell small { font-size: .72rem; color: var(--soft); }
.cell svg, .spine td svg { position: static; width: 17px; height: 17px; flex: none; }
.cell.synthetic { border-style: dashed; }
.g0 { --edge: color-mix(in srgb, var(--mild) 38%, var(--rule)); --mark: var(--mild); }
.g1 { --edge: var(--moderate); --mark: var(--moderate); --wash: 9%; }
.g2 { --edge: var(--severe); --mark: var(--severe); --wash: 13%; }
.gx { --edge: var(--rule); --mark: var(--soft); }
.cell { background: color-mix(in srgb, var(--mark) var(--wash, 0%), transparent); }
.mark { width: 14px; height: 14px; vertical-align: -2px; flex: none; }
.mark .line { fill: none; stroke: var(--mark); stroke-width: 2.2; }
.mark .full { fill: var(--mark); }
.mark .dash { fill: none; stroke: var(--mark); stroke-width: 1.8; stroke-dasharray: 3 2.6; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0 0; padding: 0;
  list-style: none; font-size: .82rem; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: 6px; }
.legend i { width: 18px; height: 13px; border: 1.5px solid var(--soft); border-radius: 3px; }
.legend i.dashed { border-style: dashed; }
.wrap { overflow-x: auto; }
.findings { border-collapse: collapse; width: 100%; font-size: .84rem; line-height: 1.35; }
.findings th, .findings td { padding: 4px 10px 4px 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); }
.findings thead th { vertical-align: bottom; color: var(--soft); font-weight: 500;
  font-size: .78rem; }
.findings tbody th { font-weight: 550; }
.graded tbody th { width: 45%; }
.findings th.n, .findings td.n { text-align: right; white-space: nowrap; }
.findings td.grade { white-space: nowrap; font-weight: 650; }
.findings th small { display: block; font-weight: 400; color: var(--soft); font-size: .76rem; }
.findings td.why { color: var(--soft); min-width: 190px; }
.findings tr.calm th, .findings tr.calm td.grade { font-weight: 400; }
.about { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0;
  font-size: .88rem; }
.about dt { color: var(--soft); } .about dd { margin: 0; overflow-wrap: anywhere; }

@media (max-width: 600px) {
  .spine tbody th, .spine thead td { width: 46px; }
  .spine tbody th svg { display: none; }
  .spine th { font-size: .68rem; padding: 0 1px 6px; hyphens: auto; }
  .cell { flex-direction: column; gap: 0; margin: 1px; }
  .cell small { display: none; }
  .about { grid-template-columns: 1fr; gap: 0; } .about dd { margin-bottom: 8px; }
}
@page { size: A4; margin: 14mm 15mm; }
@media print {
  :root { color-scheme: light; --page: #fff; --panel: #fff; --ink: #000; --soft: #444;
    --rule: #bbb; --deep: #0f5e73; --warm: #8f3f10; --mild: #1d6f66; --moderate: #9a6800;
    --severe: #a82620; --bone: #ddd; --disc: #8fb6c2; }
  body { font-size: 10.5pt; }
  .findings { font-size: 8.6pt; } .findings th small { font-size: 7.2pt; }
  .findings th, .findings td { padding: 2px 8px 2px 0; }
  .sheet { max-width: none; padding: 0; }
  .cell { --wash: 0%; }
  .verdict { margin: 14px 0 16px; } h2 { margin: 20px 0 6px; break-after: avoid; }
  .spine, .about, .verdict { break-inside: avoid; }
  .findings tr { break-inside: avoid; } .findings thead { display: table-header-group; }
  .wrap { overflow: visible; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
)
