(() => {
  "use strict";
  const $ = (s, from = document) => [...from.querySelectorAll(s)];
  document.querySelectorAll(".tools").forEach(e => { e.hidden = false; });

  const reveal = () => {
    const mark = /^#L\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    const box = mark && mark.closest("details");
    if (!box) return;
    box.hidden = false;
    box.open = true;
    box.scrollIntoView({ block: "start" });
    box.querySelector("summary").focus({ preventScroll: true });
  };
  addEventListener("hashchange", reveal);
  document.addEventListener("click", event => {
    const target = event.target.closest("[data-l],a[href^='#L']");
    if (!target) return;
    const hash = target.dataset.l === undefined ? target.getAttribute("href") : "#L" + target.dataset.l;
    if (hash === location.hash) reveal(); else location.hash = hash;
    event.preventDefault();
  });

  const table = document.getElementById("table");
  if (table) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[1].cells];
    const details = new Map($("details.layer").map(d => [d.dataset.i, d]));
    const key = (row, column) => {
      const cell = row.cells[column];
      const value = cell.dataset.v;
      return value === undefined ? cell.textContent : value === "" ? null : Number(value);
    };
    const compare = (a, b) => typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent.trim();
      head.textContent = "";
      head.append(button);
      head.setAttribute("aria-sort", column ? "none" : "ascending");
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const numeric = head.classList.contains("n") && column > 0;
        const next = now === "none" ? (numeric ? "descending" : "ascending") : now === "ascending" ? "descending" : "ascending";
        heads.forEach(h => h.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        const keyed = rows.map((row, index) => [key(row, column), index, row]);
        keyed.sort((a, b) => a[0] === null || b[0] === null
          ? (a[0] === null) - (b[0] === null) || a[1] - b[1]
          : sign * compare(a[0], b[0]) || a[1] - b[1]);
        body.append(...keyed.map(k => k[2]));
      });
    });

    const filter = document.getElementById("filter");
    const shown = document.getElementById("shown");
    const sums = document.getElementById("sums");
    const whole = table.dataset.noun !== undefined;
    const noun = table.dataset.noun || "layers";
    const show = number => number === 0 ? "0" : Math.abs(number) < 1
      ? String(Number(number.toFixed(3)))
      : number.toLocaleString("en", { maximumSignificantDigits: Math.max(4, String(Math.trunc(Math.abs(number))).length) });
    const apply = () => {
      const wanted = filter.value.trim().toLowerCase();
      let count = 0;
      const totals = heads.map(() => 0);
      rows.forEach((row, index) => {
        const said = whole ? row.textContent : row.cells[1].textContent + " " + row.cells[2].textContent;
        const hit = !wanted || said.toLowerCase().includes(wanted);
        row.hidden = !hit;
        const box = details.get(String(index));
        if (box) box.hidden = !hit;
        if (!hit) return;
        count += 1;
        heads.forEach((head, column) => { totals[column] += Number(row.cells[column].dataset.v || 0); });
      });
      shown.textContent = wanted ? `${count} of ${rows.length} ${noun}` : "";
      if (!sums) return;
      sums.hidden = !wanted;
      heads.forEach((head, column) => {
        if (head.dataset.f) sums.cells[column].textContent = show(totals[column] * Number(head.dataset.f));
      });
    };
    filter.addEventListener("input", apply);
    if (filter.value) apply();
  }

  const all = state => $("details.layer").forEach(d => { if (!state || !d.hidden) d.open = state; });
  const bind = (id, state) => document.getElementById(id)?.addEventListener("click", () => all(state));
  bind("open", true);
  bind("close", false);

  const select = node => {
    const range = document.createRange();
    range.selectNodeContents(node);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  };
  const copyable = pre => {
    if (pre.querySelector("button")) return;
    const text = document.createElement("code");
    text.append(...pre.childNodes);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", () => {
      select(text);
      const done = () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1500); };
      if (navigator.clipboard) navigator.clipboard.writeText(text.textContent).then(done, () => {});
    });
    pre.append(text, button);
  };
  $("section > .panel > pre").forEach(copyable);
  document.addEventListener("toggle", event => $("pre", event.target).forEach(copyable), true);
  reveal();
})();
