"use strict";

const $ = (id) => document.getElementById(id);
const show = (id, yes) => { $(id).hidden = !yes; };
const number = (n) => Math.round(n).toLocaleString("en");
const small = (n) => n.toLocaleString("en", { maximumFractionDigits: n < 10 ? 1 : 0 });

function bytes(n) {
  for (const [unit, name] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (n >= unit) return (n / unit).toFixed(1) + " " + name;
  }
  return Math.round(n) + " B";
}

function seconds(s) {
  if (s < 100) return s.toFixed(s < 10 ? 1 : 0) + " s";
  if (s < 6000) return Math.floor(s / 60) + " min " + Math.round(s % 60) + " s";
  return Math.floor(s / 3600) + " h " + Math.round(s % 3600 / 60) + " min";
}

// plain spells out what would turn or hide letters of names and errors.
const plain = (s) => String(s).replace(/[\u2028\u2029]|\p{Cf}/gu, (c) => "\\u{" + c.codePointAt(0).toString(16) + "}");

// text makes an element; what comes from elsewhere is only ever text.
function text(tag, content, className) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (content !== undefined) e.textContent = plain(content);
  return e;
}

const page = { may: {}, samples: [], last: null, plots: [], open: new Set(), shards: new Map(), skipped: 0 };

// --- plots ---

// rates turns totals into rates, over three seconds at least: pages come in bursts.
function rates(samples, field) {
  let from = 0;
  return samples.map((s, i) => {
    while (from + 1 < i && s.at - samples[from + 1].at >= 3) from++;
    const passed = s.at - samples[from].at;
    return i === 0 || passed <= 0 ? null : Math.max(0, s[field] - samples[from][field]) / passed;
  });
}

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function plot(id, label, value) {
  const at = $(id);
  const axis = { stroke: color("--soft"), font: "12px " + color("--font"), grid: { stroke: color("--grid"), width: 1 }, ticks: { stroke: color("--grid"), width: 1 } };
  const u = new uPlot({
    width: at.clientWidth, height: 160, cursor: { y: false }, legend: { live: true },
    scales: { y: { range: (_, low, high) => [0, Math.max(1, (high || 0) * 1.1)] } },
    series: [{ value: (_, v) => v === null ? "–" : new Date(v * 1000).toLocaleTimeString("en-GB") },
      { label, stroke: color("--accent"), width: 2, fill: color("--accent-back"), points: { show: false }, value: (_, v) => v === null ? "–" : small(v) }],
    axes: [{ ...axis, size: 32, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: ticks.length > 1 && ticks[1] - ticks[0] < 60 ? "2-digit" : undefined })), space: 76 },
      { ...axis, size: 58, values: (_, ticks) => ticks.map((t) => t >= 1e6 ? t / 1e6 + " M" : t >= 1e4 ? t / 1e3 + " k" : small(t)) }],
  }, [[], []], at);
  return { u, at, value, label };
}

function makePlots() {
  for (const p of page.plots) p.u.destroy();
  page.plots = [
    plot("plot-docs", "documents a second", (samples) => rates(samples, "docs")),
    plot("plot-lag", "operations outstanding", (samples) => samples.map((s) => s.lag)),
  ];
  drawPlots();
}

function drawPlots() {
  const times = page.samples.map((s) => s.at);
  for (const p of page.plots) {
    const values = p.value(page.samples);
    p.u.setData([times, values]);
    const now = values.at(-1);
    p.at.setAttribute("aria-label", p.label + (now === undefined || now === null ? ": nothing yet" : ": " + small(now) + " now"));
  }
}

function fitPlots() {
  for (const p of page.plots) p.u.setSize({ width: p.at.clientWidth, height: 160 });
}

// --- what an update shows ---

function checkItem(c) {
  const li = text("li");
  const sign = text("span", c.ok ? "✓" : "✗", "sign " + (c.ok ? "good" : "bad"));
  sign.setAttribute("aria-hidden", "true");
  const what = text("span", undefined);
  what.append(text("span", c.ok ? "Yes: " : "Not so: ", "visually-hidden"), plain(c.check), text("small", c.reason));
  li.append(sign, what);
  return li;
}

function stateOf(u) {
  const f = u.view.ferry;
  const busy = f.cutover && f.cutover.state;
  if (u.end && u.end.message) return ["ended", "bad"];
  if (busy === "begun" || busy === "asked") return ["cutting over", "warn"];
  if (switched(f)) return [u.end ? "switched, ended" : "switched", "good"];
  if (u.end) return ["ended", "good"];
  if (f.pace && f.pace.paused) return ["paused", "warn"];
  if (f.carried > 0 && f.ahead === f.carried) return f.following ? ["following", "good"] : ["looking around", ""];
  return ["carrying", ""];
}

const switched = (f) => Boolean(f.freeze) && f.indices.every((i) => i.phase === "switched");

function showCutover(u) {
  const f = u.view.ferry, c = f.cutover, now = new Date(u.time);
  const open = Boolean(c) && (c.state === "asked" || c.state === "begun");
  let say = "";
  const d = f.downtime;
  if (d && d.known && !switched(f)) say = "Stop the writers now and you are down " + seconds(d.seconds) + ", give or take " + seconds(d.give_or_take || 0) + (d.not_measured ? ", without what was not measured yet." : ".");
  if (c && c.state === "asked") say = "Asked for: it begins when the round under way has ended.";
  if (c && c.state === "begun") {
    const block = c.steps.find((s) => s.step === "block writes");
    say = block ? "Writers are held back for " + seconds((now - new Date(block.began)) / 1000) + "." : "Catching up; writers go on.";
  }
  if (c && c.state === "failed") say = "The cutover failed: " + c.reason + (c.next_step ? "\nNext: " + c.next_step : "");
  if (c && c.state === "given_up") say = "The cutover was given up; the source serves writes.";
  if (switched(f)) say = "Done. Writers were held back for " + f.freeze.seconds.toFixed(2) + " s.";
  $("cutover-text").textContent = plain(say);
  $("cutover-text").className = c && c.state === "failed" ? "bad-text" : switched(f) ? "good-text" : "";
  const steps = c && c.state !== "asked" ? c.steps : f.freeze ? f.freeze.steps.map((s) => ({ ...s, ended: true })) : [];
  show("steps", steps.length > 0);
  $("steps").replaceChildren(...steps.map((s) => {
    const li = text("li", undefined, s.ended ? "" : "now");
    li.append(text("span", s.step), text("span", s.ended ? s.seconds.toFixed(2) + " s" : "…"));
    return li;
  }));
  show("checks", !switched(f) && !open);
  $("checks").replaceChildren(...f.checklist.map(checkItem));
  show("cutover-buttons", page.may.steer && !switched(f) && !u.end);
  show("cutover", !open);
  show("abort", open);
  show("read-only", !page.may.steer && !switched(f));
}

function verdict(i) {
  const c = i.counts;
  if (!c) return text("span", "–");
  if (c.equal) return text("span", "equal", "good-text");
  return c.moving ? text("span", "moving") : text("span", "different", "bad-text");
}

function indexRow(i) {
  const tr = text("tr"), name = text("td", undefined, "name");
  const more = text("button", i.index);
  more.setAttribute("aria-expanded", page.open.has(i.index));
  more.dataset.index = i.index;
  name.append(more);
  if (i.target !== i.index) name.append(text("small", "→ " + i.target));
  const phase = text("td");
  phase.append(text("span", i.phase, "chip" + (i.phase === "switched" || i.phase === "current" ? " good" : "")));
  const counts = text("td", undefined, "verdict");
  counts.append(verdict(i));
  const n = (v, wide) => text("td", v === undefined ? "–" : number(v), "n" + (wide ? " wide" : ""));
  tr.append(name, phase, n(i.lag), n(i.counts?.source_docs, true), n(i.counts?.target_docs, true), counts, n(i.applied, true), n(i.deleted, true), n(i.rejected, true));
  if (!page.open.has(i.index)) return [tr];
  const shards = text("tr"), cell = text("td"), list = text("div", undefined, "shards");
  cell.colSpan = 9;
  const c = i.counts;
  if (c) list.append(text("span", number(c.source_docs) + " documents on the source, " + number(c.target_docs) + " on the target, counted at " + new Date(c.at).toLocaleTimeString("en-GB")));
  for (const s of page.shards.get(i.index) || []) list.append(text("span", "shard " + s.shard.shard + ": carried up to " + number(s.w) + ", settled to " + number(s.s) + ", term " + s.term));
  if (!page.shards.get(i.index)?.length) list.append(text("span", "No watermarks: this index is compared as a whole, or has not begun."));
  cell.append(list);
  shards.append(cell);
  return [tr, shards];
}

async function readShards() {
  for (const index of page.open) {
    const answer = await fetch("/shards?index=" + encodeURIComponent(index));
    page.shards.set(index, answer.ok ? await answer.json() : []);
  }
}

function showIndices(f) {
  const focused = document.activeElement?.dataset?.index;
  // By name, so that no row moves away under a finger.
  const rows = [...f.indices].sort((a, b) => a.index.localeCompare(b.index));
  $("indices").replaceChildren(...rows.flatMap(indexRow));
  if (focused !== undefined) [...$("indices").querySelectorAll("button")].find((b) => b.dataset.index === focused)?.focus();
  const left = f.carried - f.indices.length;
  show("more", left > 0);
  $("more").textContent = "and " + number(left) + " more with less to do: esferry status lists all";
}

function showPace(f) {
  const rate = f.pace?.rate || {}, bounds = [];
  if (rate.docs_per_second) bounds.push(number(rate.docs_per_second) + " documents/s");
  if (rate.bytes_per_second) bounds.push(bytes(rate.bytes_per_second) + "/s");
  if (rate.requests_per_second) bounds.push(number(rate.requests_per_second) + " requests/s");
  const pairs = [
    ["Reading", f.pace?.paused ? "paused" : "goes on"],
    ["Bounds", f.pace?.lifted ? "none under the freeze" : bounds.join(", ") || "none"],
    ["Writers", f.writers.writers + " of at most " + f.writers.most],
    ["Bulks of at most", bytes(f.writers.bulk_bytes)],
    ["Target had no room (429)", number(f.writers.busy) + " times"],
  ];
  if (f.pace?.braked) pairs.push(["The source is busy", f.pace.braked]);
  $("pace").replaceChildren(...pairs.flatMap(([a, b]) => [text("dt", a), text("dd", b)]));
  const steers = page.may.steer && !page.last.end && !switched(f);
  show("pace-buttons", steers);
  show("rate-form", steers);
  show("pause", !f.pace?.paused);
  show("resume", Boolean(f.pace?.paused));
}

function showDoing(u) {
  const now = new Date(u.time);
  const items = u.doing.slice(0, 8).map((d) => {
    const li = text("li");
    li.append(text("span", d.phase + (d.index ? " " + d.index : "")), text("span", "  " + seconds((now - new Date(d.since)) / 1000), "where"));
    if (d.total) {
      const bar = text("progress");
      bar.max = d.total;
      bar.value = d.done || 0;
      bar.setAttribute("aria-label", d.phase + ": " + (d.done || 0) + " of " + d.total);
      li.append(bar);
    }
    return li;
  });
  if (u.doing.length > 8) items.push(text("li", "and " + (u.doing.length - 8) + " more", "where"));
  if (!items.length) items.push(text("li", u.end ? "nothing: the process has ended" : switched(u.view.ferry) ? "nothing: all is done" : "nothing: waiting for the next round", "where"));
  $("doing").replaceChildren(...items);
}

function showMessages(u) {
  const items = u.messages.map((m) => {
    const li = text("li");
    li.append(text("time", new Date(m.time).toLocaleTimeString("en-GB")), " ", text("strong", m.kind, m.kind === "note" ? "" : "bad-text"), " ");
    if (m.where) li.append(text("span", m.where + " ", "where"));
    li.append(plain(m.text));
    return li;
  });
  if (!items.length) items.push(text("li", "none", "where"));
  $("messages").replaceChildren(...items);
  show("gone", u.gone > 0);
  $("gone").textContent = number(u.gone) + " older ones are not kept here; the log has them.";
}

function showFigures(u) {
  const f = u.view.ferry, docs = rates(page.samples, "docs").at(-1), moved = rates(page.samples, "bytes").at(-1);
  $("docs-rate").textContent = docs === null || docs === undefined ? "–" : small(docs) + "/s";
  $("bytes-rate").textContent = moved === null || moved === undefined ? "–" : bytes(moved) + "/s";
  $("docs-sum").textContent = number(u.sample.docs) + " by this process";
  $("bytes-sum").textContent = bytes(u.sample.bytes) + " by this process";
  $("lag").textContent = number(u.view.lag);
  $("carried").textContent = f.ahead + " of " + f.carried;
}

function alarm(u) {
  const lines = page.refusal && u.sample.at < page.refusal.until ? [page.refusal.text] : [];
  if (u.end && u.end.message) lines.push("The ferry has ended: " + u.end.message + (u.end.next_step ? "\nNext: " + u.end.next_step : ""));
  else if (u.ready && !u.end) lines.push(u.ready);
  show("alarm", lines.length > 0);
  const say = plain(lines.join("\n"));
  if ($("alarm").textContent !== say) $("alarm").textContent = say;
}

function render(u) {
  page.last = u;
  const f = u.view.ferry, [state, tone] = stateOf(u);
  document.title = plain(f.name) + ": " + state;
  $("name").textContent = plain(f.name);
  $("route").textContent = f.sides.map((s) => s.engine.replace("elasticsearch", "Elasticsearch").replace("opensearch", "OpenSearch")).join(" → ");
  if ($("state").textContent !== state) $("state").textContent = state;
  $("state").className = "chip " + tone;
  alarm(u);
  showFigures(u);
  showCutover(u);
  showIndices(f);
  showPace(f);
  showDoing(u);
  showMessages(u);
  drawPlots();
  $("connection").textContent = u.end ? "ended at " + new Date(u.time).toLocaleTimeString("en-GB") : "live, " + new Date(u.time).toLocaleTimeString("en-GB");
}

// --- steering ---

async function command(name, body) {
  let refusal;
  try {
    const answer = await fetch("/do/" + name, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body || {}) });
    if (answer.ok) return;
    if (answer.status === 401) location.reload();
    refusal = name + " is refused: " + (await answer.text()).trim();
  } catch {
    refusal = name + " has had no answer, and may be carried out or not: look at what this page shows, then try again.";
  }
  page.refusal = { text: refusal, until: page.last.sample.at + 15 };
  alarm(page.last);
}

function askCutover() {
  const failing = page.last.view.ferry.checklist.filter((c) => !c.ok);
  $("ask-text").textContent = failing.length
    ? "These lines of the checklist are not so. Cut over all the same?"
    : "Writers to the source are held back until both sides are verified and the aliases are switched.";
  $("ask-checks").replaceChildren(...failing.map(checkItem));
  $("ask").returnValue = "";
  $("ask").showModal();
}

function wire() {
  $("cutover").onclick = askCutover;
  $("ask").onclose = () => { if ($("ask").returnValue === "yes") command("cutover"); };
  $("abort").onclick = () => command("abort");
  $("pause").onclick = () => command("pause");
  $("resume").onclick = () => command("resume");
  $("rate-form").onsubmit = (e) => {
    e.preventDefault();
    command("rate", { docs_per_second: Number($("rate").value || 0) });
  };
  $("indices").onclick = async (e) => {
    const index = e.target.dataset.index;
    if (index === undefined) return;
    if (!page.open.delete(index)) page.open.add(index);
    await readShards();
    showIndices(page.last.view.ferry);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", makePlots);
  new ResizeObserver(fitPlots).observe($("plot-docs"));
}

// --- the stream of updates ---

function listen() {
  const updates = new EventSource("/updates");
  updates.onmessage = (e) => {
    const u = JSON.parse(e.data);
    page.samples.push(u.sample);
    if (page.samples.length > 1500) page.samples = page.samples.filter((_, i) => i % 2 === 0);
    render(u);
    if (u.end) updates.close();
    else if (page.open.size) readShards();
  };
  updates.addEventListener("skipped", (e) => {
    page.skipped += Number(e.data);
    $("skipped").textContent = ", " + page.skipped + " updates skipped by this slow connection";
  });
  updates.onerror = () => {
    if (page.last?.end) return;
    $("state").textContent = "no connection";
    $("state").className = "chip bad";
    $("connection").textContent = "not connected: trying again";
  };
}

async function start() {
  page.may = await (await fetch("/may")).json();
  show("sign-out", page.may.steer);
  if (!page.may.look) {
    show("sign-in", true);
    show("refused", location.search === "?refused");
    $("state").textContent = "signed out";
    $("token").focus();
    return;
  }
  show("page", true);
  page.samples = await (await fetch("/history")).json();
  makePlots();
  wire();
  listen();
}

start();
