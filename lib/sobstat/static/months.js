/* The month menu: every edition that has this page. `utgavor.js`, made anew with each edition, names them; without it
   the links to the edition before, the latest and the archive stay. */
(function () {
  "use strict";

  const known = window.sobstatUtgavor;
  const nav = document.querySelector(".editions[data-page]");
  if (!known || !nav) return;
  const { root, page, month } = nav.dataset;
  const editions = known.utgavor.filter(([, , pages]) => known.sidor[pages].includes(page));
  if (!editions.some(([other]) => other !== month)) return;

  const list = document.createElement("ul");
  for (const [other, title] of editions) {
    const link = document.createElement("a");
    link.href = `${root}${other}/${page}`;
    link.textContent = title;
    if (other === month) link.setAttribute("aria-current", "true");
    const item = document.createElement("li");
    item.append(link);
    list.append(item);
  }
  const summary = document.createElement("summary");
  summary.textContent = "Byt månad";
  const menu = document.createElement("details");
  menu.className = "switcher";
  menu.append(summary, list);
  const item = document.createElement("li");
  item.append(menu);
  const previous = nav.querySelector(".previous");
  if (previous) previous.replaceWith(item);
  else nav.querySelector("li").after(item);
})();
