import { Markup } from './markup.js';

/** The look of the page, on light and on dark screens and on paper. */
export const stylesheet = new Markup(`
:root { color-scheme: light dark; --ink: #1d2330; --dim: #5d6675; --line: #d8dde6; --page: #fff; --panel: #f5f7fa;
  --better: #1a7f4b; --worse: #c0362c; --open: #8a6d1d; --wrong: #c9ced8; --unparsed: #e8b647; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --dim: #9aa4b5; --line: #333b48; --page: #14181f;
  --panel: #1c222c; --better: #4cc38a; --worse: #f0716a; --open: #d9b650; --wrong: #475061; --unparsed: #b98a1f; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.2rem 4rem; }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; } h2 { margin: 2.4rem 0 .6rem; font-size: 1.2rem; }
h3 { margin: 1.2rem 0 .4rem; font-size: 1rem; } h4 { margin: .8rem 0 .2rem; font-size: .85rem; color: var(--dim); }
.verdict { display: inline-block; margin: 0; padding: .1rem .8rem; border-radius: 1rem; color: #fff; font-weight: 600; }
.verdict.improved { background: #1a7f4b; } .verdict.regressed { background: #c0362c; } .verdict.inconclusive { background: #6b7280; }
.alarms { border-left: 4px solid var(--unparsed); background: var(--panel); padding: .2rem 1.2rem .6rem; margin-top: 1.2rem; }
.alarms h2 { margin: .6rem 0 .2rem; font-size: 1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; } thead th { color: var(--dim); font-weight: 500; }
.note, figcaption { color: var(--dim); font-size: .85rem; } figure { margin: 1.4rem 0; }
svg { width: 100%; height: auto; font: 13px system-ui, sans-serif; } svg text { fill: var(--ink); }
svg .figure { text-anchor: end; } svg .small, svg .tick { fill: var(--dim); font-size: 11px; } svg .tick { text-anchor: middle; }
.zero { stroke: var(--dim); } .margin { stroke: var(--worse); stroke-dasharray: 3 3; } .interval { stroke-width: 3; }
.interval.better { stroke: var(--better); } .interval.worse { stroke: var(--worse); } .interval.open { stroke: var(--open); }
circle.better { fill: var(--better); } circle.worse { fill: var(--worse); } circle.open { fill: var(--open); }
circle.base { fill: var(--page); stroke: var(--dim); stroke-width: 2; }
rect.correct { fill: var(--better); } rect.wrong { fill: var(--wrong); } rect.unparsed { fill: var(--unparsed); }
details { border-bottom: 1px solid var(--line); padding: .3rem 0; } summary { cursor: pointer; }
pre { margin: 0; padding: .6rem .8rem; background: var(--panel); border-radius: .4rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
@media print { details { display: block; } body { font-size: 11px; } }
`);
