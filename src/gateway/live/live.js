// The live view of a gateway: <channel-layers-live src="/admin/live.json">. It asks once a second, and not while nobody looks.
// It needs nothing but this file and live.css beside it, so any page of the gateway's own host can show it.

const EVERY = 1000; // Milliseconds between two looks.
const KEPT = 120; // How many of them a chart shows: two minutes.
const HEIGHT = 48;

// What is drawn: a number of now, or how much a sum has grown since the last look, for each second.
const CHARTS = [
  { name: "Connections", value: (now) => now.stats.connections },
  { name: "Groups", value: (now) => now.node.groups },
  { name: "Messages in", unit: "/s", sum: (now) => now.stats.frames_in },
  { name: "Deliveries", unit: "/s", sum: (now) => now.stats.deliveries },
  { name: "Dropped", unit: "/s", sum: (now) => now.stats.dropped_slow + now.stats.dropped_volatile, bad: true },
];

const round = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1, notation: "compact" });

/** What a chart shows for a look: nothing before there are two, where it is a sum that grows. */
export function measure(chart, before, now) {
  if (chart.value) return chart.value(now);
  if (!before) return undefined;
  // A sum that has shrunk is that of a new process.
  const grown = Math.max(0, chart.sum(now) - chart.sum(before));
  return grown / Math.max((now.time - before.time) / 1000, 0.001);
}

/** The line of a chart, from its values, the newest at the right edge. */
export function line(values, height = HEIGHT) {
  const top = Math.max(1, ...values);
  const left = KEPT - values.length;
  return values.map((value, at) => `${at ? "L" : "M"}${left + at} ${(height - (value / top) * height).toFixed(2)}`).join("");
}

class Chart {
  #values = [];

  constructor(chart) {
    this.chart = chart;
    this.element = document.createElement("figure");
    this.element.innerHTML = `
      <figcaption></figcaption>
      <output></output>
      <svg viewBox="0 0 ${KEPT - 1} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true"><g><path class="area"/><path class="line"/></g></svg>`;
    this.element.classList.toggle("bad", Boolean(chart.bad));
    this.element.querySelector("figcaption").textContent = chart.name;
    this.output = this.element.querySelector("output");
    this.moving = this.element.querySelector("g");
    [this.area, this.path] = this.element.querySelectorAll("path");
  }

  show(before, now) {
    const value = measure(this.chart, before, now);
    if (value === undefined) return;
    this.#values.push(value);
    if (this.#values.length > KEPT) this.#values.shift();
    this.output.textContent = round.format(value) + (this.chart.unit ?? "");
    this.element.classList.toggle("quiet", !this.#values.some((value) => value > 0));
    const drawn = line(this.#values);
    this.path.setAttribute("d", drawn);
    this.area.setAttribute("d", `${drawn}L${KEPT - 1} ${HEIGHT}L${KEPT - this.#values.length} ${HEIGHT}Z`);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.moving.animate([{ transform: "translateX(1px)" }, { transform: "none" }], { duration: EVERY });
  }
}

class LiveView extends HTMLElement {
  #charts = CHARTS.map((chart) => new Chart(chart));
  #before;
  #timer;

  connectedCallback() {
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("live.css", import.meta.url).href;
    this.status = document.createElement("p");
    this.status.setAttribute("role", "status");
    this.status.textContent = "Asking the gateway …";
    const charts = document.createElement("div");
    charts.className = "charts";
    charts.append(...this.#charts.map((chart) => chart.element));
    shadow.replaceChildren(style, this.status, charts);
    this.#look();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  async #look() {
    if (!document.hidden && this.checkVisibility()) await this.#ask();
    clearTimeout(this.#timer);
    if (this.isConnected) this.#timer = setTimeout(() => this.#look(), EVERY);
  }

  async #ask() {
    try {
      const response = await fetch(this.getAttribute("src"), { cache: "no-store" });
      if (!response.ok) throw new Error(`the gateway answered ${response.status}`);
      const now = await response.json();
      this.#charts.forEach((chart) => chart.show(this.#before, now));
      this.#before = now;
      this.#tell(now);
    } catch (error) {
      this.status.dataset.state = "lost";
      this.status.textContent = `No answer: ${error.message}. Trying again.`;
    }
  }

  #tell({ node, nodes, ready, reason }) {
    this.status.dataset.state = ready ? "ready" : "not-ready";
    const words = [
      ready ? "Ready" : `Not ready: ${reason}`,
      `up ${duration(node.uptime)}`,
      `version ${node.version}`,
      nodes > 1 ? `one of ${nodes} gateways` : "the only gateway",
    ];
    this.status.textContent = words.join(" · ");
  }
}

/** Seconds in words, the two largest units: "3 h 20 min". */
export function duration(seconds) {
  const units = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  let rest = seconds;
  const words = units.slice(first, first + 2).map(([name, size]) => {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    return [whole, name];
  });
  return words.filter(([whole]) => whole > 0).map(([whole, name]) => `${whole} ${name}`).join(" ");
}

customElements.define("channel-layers-live", LiveView);
