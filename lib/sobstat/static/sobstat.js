/* Makes the pages of Statistik för Stöd och behandling better; they say everything without it.
   A classic script without dependencies: it works from a plain file and under a strict Content-Security-Policy. */
(function () {
  "use strict";

  const NO_BREAK = "\u00a0";
  const narrow = matchMedia("(max-width: 30rem)");
  const swedish = new Intl.Collator("sv", { numeric: true });

  const whole = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, NO_BREAK);

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function later(wait, action) {
    let timer;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(action, wait);
    };
  }

  /* ---------- Charts: the static picture becomes one with tooltips that fits the screen ---------- */

  const AXIS = 64; // pixels to the left of a chart, and for names to the right of lines
  const NAMES = 100;
  const SEVERAL = ["hconcat", "vconcat", "concat", "facet", "repeat"];

  const MONTH = new Intl.DateTimeFormat("sv", { month: "long", year: "numeric", timeZone: "UTC" });
  const CHOSEN = "manader_store"; // where Vega keeps the months that are chosen

  function lines(text, length) {
    const made = [""];
    for (const word of text.split(" ")) {
      const longer = `${made[made.length - 1]} ${word}`.trim();
      if (longer.length > length) made.push(word);
      else made[made.length - 1] = longer;
    }
    return made;
  }

  /* Whether months can be chosen in an overview below the chart. */
  const chooses = (spec) => (spec.params || []).some((param) => param.name === "manader");

  /* Two menus do what dragging over that overview does, without a pointer. `redraw` draws the chart anew; `attach` lets
     the menus follow a chart that is drawn. */
  function monthMenus(spec, redraw) {
    const rows = Object.values(spec.datasets).flat();
    const months = [...new Set(rows.filter((row) => row.manad).map((row) => Date.parse(row.manad)))].sort((a, b) => a - b);
    let chosen = [];
    const menus = [months[0], months[months.length - 1]].map((month) => {
      const options = months.map((time) => element("option", { value: time }, MONTH.format(time)));
      const menu = element("select", {}, ...options);
      menu.value = month;
      menu.addEventListener("change", () => {
        const [first, last] = menus.map((each) => +each.value).sort((a, b) => a - b);
        const fields = [{ field: "utcyearmonth_manad", channel: "x", type: "E" }];
        chosen = [{ unit: "", fields, values: [months.filter((time) => first <= time && time <= last)] }];
        redraw();
      });
      return menu;
    });
    function attach(view) {
      view.addDataListener(CHOSEN, (_, tuples) => {
        const times = tuples.flatMap((tuple) => tuple.values[0] || []).map(Number);
        chosen = times.length ? tuples : [];
        menus[0].value = times[0] || months[0];
        menus[1].value = times[times.length - 1] || months[months.length - 1];
      });
      if (chosen.length) view.data(CHOSEN, chosen).run();
    }
    const [from, to] = ["Från", "Till"].map((title, at) => element("label", {}, `${title} `, menus[at]));
    return { tools: element("p", { class: "months" }, from, to, "eller dra över den nedre kurvan."), attach };
  }

  /* A county on a map leads to its own page of the same kind, where the edition has one. */
  function countyLinks(chart, view) {
    const page = (item) => {
      const code = item && item.datum && item.datum.properties && item.datum.properties.lan_kod;
      return code && document.querySelector(`.switcher [data-lan="${code}"]:not([aria-current])`);
    };
    view.addEventListener("mousemove", (event, item) => chart.classList.toggle("leads", Boolean(page(item))));
    view.addEventListener("click", (event, item) => {
      const link = page(item);
      if (link) location.href = `${link.href}#${chart.closest("section").id}`;
    });
  }

  /* A chart as wide as its place; on a narrow screen what stood side by side is stacked. */
  function fitted(spec, width) {
    if (narrow.matches) {
      const { axis, legend, ...config } = spec.config || {};
      const small = { labelLimit: width * 0.45, labelFontSize: 13, titleFontSize: 13 };
      const list = { columns: 1, labelFontSize: 13, labelLimit: width * 0.9 };
      spec = { ...spec, config: { ...config, axis: { ...axis, ...small }, legend: { ...legend, ...list } } };
      if (typeof spec.title === "string") spec.title = lines(spec.title, width / 7);
      for (const unit of [spec, ...(spec.layer || [])]) {
        const along = unit.encoding && unit.encoding.x && unit.encoding.x.axis;
        if (along && along.labelOverlap === false) along.labelOverlap = "greedy";
      }
    }
    if (chooses(spec)) {
      const inner = width - AXIS - (spec.vconcat[0].layer.length > 1 ? NAMES : 0);
      return { ...spec, vconcat: spec.vconcat.map((part) => ({ ...part, width: inner })) };
    }
    const { hconcat, ...rest } = spec;
    if (hconcat) return narrow.matches ? { ...rest, vconcat: hconcat } : spec;
    const { column, ...encoding } = spec.encoding || {};
    if (column && narrow.matches) {
      return { ...spec, width: width * 0.5, encoding: { ...encoding, facet: { ...column, columns: 1 } } };
    }
    if (column || SEVERAL.some((key) => key in spec)) return spec;
    return { ...spec, width, autosize: { type: "fit-x", contains: "padding" } };
  }

  async function upgrade(chart) {
    const { embed, formatLocale, timeFormatLocale, config, datasets } = window.sobstatVega;
    const spec = JSON.parse(chart.querySelector(".vega-spec").textContent);
    spec.datasets = { ...datasets, ...spec.datasets };
    const picture = chart.querySelector("svg");
    const label = picture.getAttribute("aria-label");
    const place = element("div");
    const live = element("div", { class: "live", role: "img", "aria-label": label }, place);
    let width = 0;
    let view;

    const menus = chooses(spec) && monthMenus(spec, () => {
      width = 0;
      return drawn();
    });

    async function drawn() {
      const wide = Math.min(chart.clientWidth - 2 * parseFloat(getComputedStyle(chart).paddingLeft), 760);
      if (wide <= 0 || Math.abs(wide - width) < 2) return;
      width = wide;
      if (view) view.finalize();
      view = await embed(place, fitted(spec, width), {
        mode: "vega-lite",
        renderer: "svg",
        ast: true,
        actions: false,
        defaultStyle: false,
        config,
        formatLocale,
        timeFormatLocale,
        tooltip: { disableDefaultStyle: true },
      });
      for (const name of ["role", "aria-label", "aria-roledescription"]) place.removeAttribute(name); // `live` has them
      place.setAttribute("aria-hidden", "true");
      chart.classList.add("upgraded");
      if (menus) menus.attach(view.view);
      countyLinks(chart, view.view);
    }

    chart.append(live);
    if (menus) chart.after(menus.tools);
    chart.classList.add("measured");
    await drawn();
    addEventListener("resize", later(200, drawn));
  }

  async function upgradeCharts() {
    if (!window.sobstatVega) return;
    for (const chart of document.querySelectorAll(".chart:has(.vega-spec)")) {
      try {
        await upgrade(chart);
      } catch (error) {
        chart.classList.remove("upgraded"); // the static picture stays
        chart.querySelectorAll(".live").forEach((live) => live.remove());
        console.error(error);
      }
    }
  }

  /* ---------- Drill-down: rows are made when they are unfolded ---------- */

  const STEP = 300; // rows that are shown at a time: what a browser lays out in a tenth of a second
  const ORDERS = ["none", "descending", "ascending"];

  function readRows(data) {
    const depth = Uint8Array.from(data.djup, Number);
    let at = 0;
    const names = Array.from(depth, (level) => {
      const number = data.etikett.slice(at, (at += data.bredd[level]));
      return data.namn[level][parseInt(number, 36)];
    });
    const values = data.varden.map((column) => column.match(/\d|x|\(\d+\)/g).map((text) => text.replace(/[()]/g, "")));
    const parent = new Int32Array(depth.length).fill(-1);
    const parts = Array.from(depth, () => []);
    const path = [];
    for (let row = 0; row < depth.length; row++) {
      path[depth[row]] = row;
      if (depth[row] > 0) {
        parent[row] = path[depth[row] - 1];
        parts[parent[row]].push(row);
      }
    }
    return { levels: data.nivaer, depth, names, values, parent, parts };
  }

  /* The rows stand in a file beside the page: a script that calls `sobstat.rows`, since browsers let a page that was
     opened from a file load nothing else. A page that is a single file holds them itself. */
  const awaited = new Map();
  window.sobstat = { rows: (name, data) => awaited.get(name)(data) };

  function loadRows(box) {
    const { name } = box.dataset;
    const inside = box.querySelector("script.drill-data");
    if (inside) return Promise.resolve(JSON.parse(inside.textContent));
    return new Promise((resolve, reject) => {
      const script = element("script", { src: `data/${name}.js` });
      script.addEventListener("error", reject);
      awaited.set(name, resolve);
      document.head.append(script);
    });
  }

  function drilldown(box) {
    const table = box.querySelector("table");
    const body = table.tBodies[0];
    const headings = [...table.tHead.rows[0].cells];
    const tools = box.querySelector(".drill-tools");
    const [search, levels, status] = tools.querySelectorAll("input, select, [role=status]");
    let rows;
    let searched;
    const made = new Map();
    const open = new Set([0]);
    let hits = null; // rows that match the filter, with those above them
    let matching = null;
    let word = "";
    let sorted = { column: -1, order: "none" };
    let limit = STEP;

    const value = (column, row) => (rows.values[column][row] === "x" ? -1 : +rows.values[column][row]);

    function ordered(group) {
      if (sorted.order === "none") return group;
      const sign = sorted.order === "ascending" ? 1 : -1;
      const compare =
        sorted.column === 0
          ? (a, b) => swedish.compare(rows.names[a], rows.names[b])
          : (a, b) => value(sorted.column - 1, a) - value(sorted.column - 1, b);
      return [...group].sort((a, b) => sign * compare(a, b));
    }

    function shownRows() {
      const shown = [];
      const visit = (row) => {
        shown.push(row);
        if (!open.has(row)) return;
        let group = rows.parts[row];
        if (hits && group.some((part) => hits.has(part))) group = group.filter((part) => hits.has(part));
        for (const part of ordered(group)) visit(part);
      };
      visit(0);
      return shown;
    }

    function cell(text) {
      return text === "x" ? element("td", { class: "dold" }, "visas inte") : element("td", {}, whole(text));
    }

    const unseen = (text) => element("span", { class: "unseen" }, text);

    function label(row) {
      const name = rows.names[row];
      const at = word && matching.has(row) ? searched[row].indexOf(word) : -1;
      if (at < 0) return [name];
      return [name.slice(0, at), element("mark", {}, name.slice(at, at + word.length)), name.slice(at + word.length)];
    }

    function makeRow(row) {
      const depth = rows.depth[row];
      const level = depth ? unseen(`${rows.levels[depth]}: `) : "";
      const heading = element("th", { scope: "row" });
      if (row > 0 && rows.parts[row].length) {
        const button = element("button", { type: "button", "aria-expanded": String(open.has(row)) });
        button.append(level, ...label(row));
        button.dataset.row = row;
        heading.append(button);
      } else {
        heading.append(element("span", { class: "leaf" }, level, ...label(row)));
      }
      const tr = element("tr", { class: `depth-${depth}` }, heading, ...rows.values.map((column) => cell(column[row])));
      return tr;
    }

    /* Only what changes is touched, so that the focus stays where it is. */
    function show() {
      const shown = shownRows();
      const wanted = shown.slice(0, limit).map((row) => {
        if (!made.has(row)) made.set(row, makeRow(row));
        const tr = made.get(row);
        const button = tr.querySelector("button");
        if (button) button.setAttribute("aria-expanded", String(open.has(row)));
        return tr;
      });
      const keep = new Set(wanted);
      for (const tr of [...body.rows]) if (!keep.has(tr)) tr.remove();
      let next = body.firstElementChild;
      for (const tr of wanted) {
        if (tr === next) next = next.nextElementSibling;
        else body.insertBefore(tr, next);
      }
      const left = shown.length - wanted.length;
      more.hidden = left === 0;
      more.textContent = `Visa ${whole(Math.min(STEP, left))} rader till (${whole(left)} återstår)`;
    }

    function restart() {
      made.clear();
      body.replaceChildren();
      limit = STEP;
      show();
    }

    function openTo(level) {
      open.clear();
      rows.depth.forEach((depth, row) => depth < level && rows.parts[row].length && open.add(row));
    }

    function filter() {
      word = search.value.trim().toLocaleLowerCase("sv");
      hits = matching = null;
      if (word) {
        matching = new Set();
        hits = new Set([0]);
        open.clear();
        searched.forEach((name, row) => {
          if (row === 0 || !name.includes(word)) return;
          matching.add(row);
          hits.add(row);
          for (let above = rows.parent[row]; above >= 0; above = rows.parent[above]) {
            hits.add(above);
            open.add(above);
          }
        });
        open.add(0);
      } else {
        openTo(+levels.value);
      }
      status.textContent = word ? (matching.size ? `${whole(matching.size)} ${matching.size === 1 ? "träff" : "träffar"}` : "Inga träffar") : "";
      table.classList.toggle("empty", Boolean(word) && matching.size === 0);
      restart();
    }

    function sort(column) {
      const next = ORDERS[(ORDERS.indexOf(sorted.column === column ? sorted.order : "none") + 1) % ORDERS.length];
      sorted = { column, order: next };
      headings.forEach((heading, at) => {
        if (at === column && next !== "none") heading.setAttribute("aria-sort", next);
        else heading.removeAttribute("aria-sort");
      });
      limit = STEP;
      show();
    }

    function toggle(row) {
      if (open.has(row)) open.delete(row);
      else open.add(row);
      show();
    }

    /* Arrows walk the rows: right opens, left closes or goes to the group above. */
    function walk(event) {
      const button = event.target.closest("button[data-row]");
      if (!button) return;
      const row = +button.dataset.row;
      const buttons = [...body.querySelectorAll("button[data-row]")];
      const at = buttons.indexOf(button);
      const moves = {
        ArrowDown: () => buttons[at + 1],
        ArrowUp: () => buttons[at - 1],
        Home: () => buttons[0],
        End: () => buttons[buttons.length - 1],
        ArrowRight: () => (open.has(row) ? buttons[at + 1] : toggle(row)),
        ArrowLeft: () => (open.has(row) ? toggle(row) : made.get(rows.parent[row]).querySelector("button")),
      };
      if (!moves[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const to = moves[event.key]();
      if (to) to.focus();
    }

    const more = element("button", { type: "button", class: "more", hidden: "" });

    /* Once, when the reader comes near or uses it; without the file, the first levels stay as they are. */
    let ready;
    const whenReady = (action) => () => {
      ready = ready || loadRows(box).then(start);
      ready.then(action, (error) => console.error(error));
    };

    function start(data) {
      rows = readRows(data);
      searched = rows.names.map((name) => name.toLocaleLowerCase("sv"));
      headings.forEach((heading, column) => {
        const button = element("button", { type: "button", title: "Sortera" }, heading.textContent);
        button.addEventListener("click", () => sort(column));
        heading.replaceChildren(button);
      });
      box.classList.add("scripted");
      restart();
    }

    search.addEventListener("input", later(150, whenReady(filter)));
    levels.addEventListener("change", () => {
      search.value = "";
      whenReady(filter)();
    });
    more.addEventListener("click", () => {
      limit += STEP;
      show();
    });
    body.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-row]");
      if (button) toggle(+button.dataset.row);
    });
    body.addEventListener("keydown", walk);
    box.querySelector(".table-scroll").after(more);
    tools.hidden = false;
    new IntersectionObserver(
      (seen, observer) => {
        if (!seen.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        whenReady(() => {})();
      },
      { rootMargin: "100%" },
    ).observe(box);
  }

  /* ---------- Pages: contents beside the text where there is room, short tables in print ---------- */

  function page() {
    const contents = document.querySelector(".contents details");
    if (contents && matchMedia("(min-width: 70rem)").matches) contents.open = true;
    let closed = [];
    addEventListener("beforeprint", () => {
      closed = [...document.querySelectorAll("details.printed:not([open]), details.definitions:not([open])")];
      closed.forEach((details) => (details.open = true));
    });
    addEventListener("afterprint", () => closed.forEach((details) => (details.open = false)));
    addEventListener("keydown", (event) => {
      const switcher = document.querySelector(".switcher[open]");
      if (event.key !== "Escape" || !switcher) return;
      switcher.open = false;
      switcher.querySelector("summary").focus();
    });
  }

  page();
  document.querySelectorAll(".drilldown").forEach(drilldown);
  upgradeCharts();
})();
