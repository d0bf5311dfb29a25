# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markup, style and script of the page. A module takes only Python files along, so they are texts here."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881;
  --human: #b3261e; --expired: #b3261e; --failing: #b3261e; --expiring: #a65b00;
  --waiting: #5a5f66; --due: #0b5cad; --valid: #1b6e3c; --unlisted: #5a5f66; }
@media (prefers-color-scheme: dark) { :root { --human: #ff8a80; --expired: #ff8a80; --failing: #ff8a80;
  --expiring: #ffb74d; --waiting: #b0b6bf; --due: #82b8ff; --valid: #7fd69b; --unlisted: #b0b6bf; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 80rem; font: 1rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { margin: .3rem 0; overflow-wrap: anywhere; }
.tiles { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0; padding: 0; list-style: none; }
.tiles button { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line);
  border-left: .4rem solid var(--tone); border-radius: .4rem; padding: .5rem .8rem; min-height: 2.75rem; cursor: pointer; }
.tiles button[aria-pressed=true] { outline: .15rem solid var(--tone); }
.tiles b { font-size: 1.3rem; margin-right: .4rem; }
.human { --tone: var(--human); } .expired { --tone: var(--expired); } .failing { --tone: var(--failing); }
.expiring { --tone: var(--expiring); } .waiting { --tone: var(--waiting); } .due { --tone: var(--due); }
.valid { --tone: var(--valid); } .unlisted { --tone: var(--unlisted); }
.plot { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; padding: .5rem; }
.plot svg { display: block; } .plot text { fill: currentColor; font-size: 11px; }
.renewals { fill: var(--due); } .expiries { fill: var(--failing); }
.key span { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; }
.key .renewals { background: var(--due); } .key .expiries { background: var(--failing); }
input[type=search] { font: inherit; width: 100%; max-width: 30rem; padding: .6rem; min-height: 2.75rem;
  border: 1px solid var(--line); border-radius: .4rem; background: Canvas; color: CanvasText; }
table { width: 100%; border-collapse: collapse; margin-top: .8rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid var(--line); }
td { overflow-wrap: anywhere; } td:first-child { border-left: .3rem solid var(--tone); min-width: 9rem; }
.state { color: var(--tone); font-weight: 600; white-space: nowrap; }
small { opacity: .75; } time { white-space: nowrap; font-variant-numeric: tabular-nums; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); padding: .5rem; border-radius: .3rem; }
[hidden] { display: none !important; }
@media (max-width: 48rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, td { display: block; width: 100%; }
  tr { border: 1px solid var(--line); border-left: .3rem solid var(--tone); border-radius: .4rem; margin-bottom: .7rem; }
  td, td:first-child { border: 0; padding: .25rem .7rem; }
  td[data-label]::before { content: attr(data-label) " "; opacity: .75; font-size: .85em; }
  td:empty { display: none; }
}
"""

SCRIPT = """
(() => {
  const search = document.querySelector('input[type=search]');
  const rows = [...document.querySelectorAll('tbody tr')];
  const texts = rows.map(row => row.textContent.toLowerCase());
  const buttons = [...document.querySelectorAll('.tiles button')];
  const shown = document.querySelector('#shown');
  const apply = () => {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const states = buttons.filter(b => b.getAttribute('aria-pressed') === 'true').map(b => b.dataset.state);
    let count = 0;
    rows.forEach((row, at) => {
      const fits = words.every(word => texts[at].includes(word))
        && (!states.length || states.includes(row.className));
      row.hidden = !fits;
      count += fits;
    });
    shown.textContent = `${count} of ${rows.length}`;
  };
  search.addEventListener('input', apply);
  buttons.forEach(button => button.addEventListener('click', () => {
    button.setAttribute('aria-pressed', String(button.getAttribute('aria-pressed') !== 'true'));
    apply();
  }));
  apply();
})();
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="robots" content="noindex">
<title>Certificates on {{ host }}</title>
<style>{{ style | safe }}</style>
</head>
<body>
<header>
<h1>Certificates on {{ host }}</h1>
<p>As of <time id="now" datetime="{{ now }}">{{ now }}</time>. CA: {{ directory }}</p>
</header>
<main>
<ul class="tiles" aria-label="States">
{% for state, title, count in states %}
<li class="{{ state }}"><button type="button" aria-pressed="false" data-state="{{ state }}"><b>{{ count }}</b>{{ title }}</button></li>
{% else %}
<li>There are no certificates.</li>
{% endfor %}
</ul>
{% if notes %}
<h2>Worth knowing</h2>
<ul>{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>
{% endif %}
<h2>Renewals and expiry, each {{ unit }}</h2>
<p class="key"><span class="renewals"></span>due for renewal<span class="expiries"></span>expire;
the highest bar is {{ highest }}, the first has what is over as well</p>
<div class="plot" tabindex="0" role="region" aria-label="Calendar of renewals and expiry">
<svg width="{{ bars | length * bar + 30 }}" height="{{ height + 22 }}" role="img"
 aria-label="Bars for each {{ unit }}: certificates due for renewal, and certificates that expire">
{% for each in bars %}
<g><title>{{ each.date }}: {{ each.renewals }} due, {{ each.expiries }} expire</title>
<rect class="renewals" x="{{ each.at + 1 }}" y="{{ height - each.heights.renewals }}" width="7" height="{{ each.heights.renewals }}"/>
<rect class="expiries" x="{{ each.at + 9 }}" y="{{ height - each.heights.expiries }}" width="7" height="{{ each.heights.expiries }}"/>
<text x="{{ each.at }}" y="{{ height + 16 }}">{{ each.label }}</text></g>
{% endfor %}
</svg>
</div>
<h2><label for="search">Search</label></h2>
<input type="search" id="search" placeholder="name, domain, reason, administrator" autocomplete="off">
<p aria-live="polite"><output id="shown">{{ rows | length }}</output></p>
<table>
<thead><tr><th>Certificate</th><th>State</th><th>Expires (UTC)</th><th>Due from (UTC)</th><th>Next attempt (UTC)</th><th>Why</th></tr></thead>
<tbody>
{% for row in rows %}
<tr class="{{ row.state }}">
<td><b>{{ row.name }}</b> <small>{{ row.key_type }}</small><br>{{ row.domains | join(' ') }}
{%- if row.admins %}<br><small>{{ row.admins | join(' ') }}</small>{% endif %}</td>
<td><span class="state">{{ row.title }}</span></td>
<td data-label="Expires">
{%- if row.not_after %}<time datetime="{{ row.not_after }}">{{ row.not_after | replace('T', ' ') | replace('Z', '') }}</time>
{%- if row.issuer %}<br><small>{{ row.issuer }}</small>{% endif %}{% else %}there is none{% endif %}</td>
<td data-label="Due from">
{%- if row.renew_at %}<time datetime="{{ row.renew_at }}">{{ row.renew_at | replace('T', ' ') | replace('Z', '') }}</time>{% endif %}</td>
{% if row.next_attempt %}
<td data-label="Next attempt"><time datetime="{{ row.next_attempt }}">{{ row.next_attempt | replace('T', ' ') | replace('Z', '') }}</time></td>
{% else %}
<td></td>
{% endif %}
<td>{{ row.reason }}
{%- if row.failures %} <small>({{ row.failures }} failed in a row)</small>{% endif %}
{%- if row.details %}<details><summary>All that was said</summary><pre>{{ row.details }}</pre></details>{% endif %}</td>
</tr>
{% endfor %}
</tbody>
</table>
</main>
<script>{{ script | safe }}</script>
</body>
</html>
"""
