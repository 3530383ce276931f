(() => {
  "use strict";
  const $ = (s, from = document) => [...from.querySelectorAll(s)];
  $(".tools").forEach(e => { e.hidden = false; });

  const reveal = () => {
    const mark = /^#L\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    const box = mark && mark.closest("details");
    if (!box) return;
    for (let each = box; each; each = each.parentElement.closest("details")) {
      each.hidden = false;
      each.open = true;
    }
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

  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.v;
    return value === undefined ? cell.textContent : value === "" ? null : Number(value);
  };
  const compare = (a, b) => typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
  const show = number => number === 0 ? "0" : Math.abs(number) < 1
    ? String(Number(number.toFixed(3)))
    : number.toLocaleString("en", { maximumSignificantDigits: Math.max(4, String(Math.trunc(Math.abs(number))).length) });

  const sortable = table => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent.trim();
      head.textContent = "";
      head.append(button);
      head.setAttribute("aria-sort", column || table.dataset.unsorted !== undefined ? "none" : "ascending");
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

    const panel = table.closest(".panel");
    const filter = panel && panel.querySelector("input[type=search]");
    if (!filter) return;
    const shown = panel.querySelector(".shown");
    const sums = table.querySelector(".sums");
    const whole = table.dataset.noun !== undefined;
    const noun = table.dataset.noun || "layers";
    const boxes = rows.map(row => {
      const link = row.querySelector("a[href^='#L']");
      const mark = link && document.getElementById(link.getAttribute("href").slice(1));
      return mark && mark.closest("details.layer");
    });
    const apply = () => {
      const wanted = filter.value.trim().toLowerCase();
      let count = 0;
      const totals = heads.map(() => 0);
      rows.forEach((row, index) => {
        const said = whole ? row.textContent : row.cells[1].textContent + " " + row.cells[2].textContent;
        const hit = !wanted || said.toLowerCase().includes(wanted);
        row.hidden = !hit;
        if (boxes[index]) boxes[index].hidden = !hit;
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
  };
  $("table.sortable").forEach(sortable);

  $(".fold").forEach(fold => {
    const all = state => $("details.layer", fold).forEach(d => { if (!state || !d.hidden) d.open = state; });
    fold.querySelector("button.open")?.addEventListener("click", () => all(true));
    fold.querySelector("button.close")?.addEventListener("click", () => all(false));
  });

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
