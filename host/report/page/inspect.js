"use strict";
/* What the page of `attnbench inspect` adds to itself: choosing a query, by pointer, keyboard or
 * list, and the ranked keys that it attends to. All it knows stands in the maps (inspect/map.c);
 * without it the page still has maps with tooltips, and tables. */
(() => {
    const RANKED = 12;

    const titles = (svg, group) =>
        [...svg.querySelectorAll(`.${group} text`)].map((t) => t.querySelector("title").textContent);

    const heads = [...document.querySelectorAll(".head")].map((section) => {
        const svg = section.querySelector("svg");
        return {
            name: section.dataset.head,
            svg,
            columns: Number(svg.dataset.columns),
            cells: [...svg.querySelectorAll(".cells rect")],
            labels: [...svg.querySelectorAll(".queries text")],
            entropies: [...svg.querySelectorAll(".entropies title")],
            mark: svg.querySelector(".mark"),
            cursor: svg.querySelector(".cursor"),
            readout: section.querySelector(".readout"),
        };
    });
    if (!heads.length) return;
    const queries = titles(heads[0].svg, "queries");
    const keys = titles(heads[0].svg, "keys");
    const panel = document.getElementById("chosen");
    const start = document.getElementById("pairs").dataset;
    const state = { head: Number(start.head), query: Number(start.query), key: 0 };

    const add = (parent, name, className, text) => {
        const element = parent.appendChild(document.createElement(name));
        if (className) element.className = className;
        if (text !== undefined) element.textContent = text;
        return element;
    };

    const addSelect = (parent, id, label, names, choose) => {
        add(parent, "label", "", label).htmlFor = id;
        const select = add(parent, "select");
        select.id = id;
        names.forEach((name, index) => (add(select, "option", "", name).value = index));
        select.addEventListener("change", () => choose(Number(select.value)));
        return select;
    };

    const choice = add(panel, "div", "choice");
    const querySelect = addSelect(choice, "query", "Query", queries, (query) => show({ query }));
    const headSelect = addSelect(choice, "head", "Head", heads.map((h) => h.name),
                                 (head) => show({ head }));
    const entropy = add(panel, "p", "readout");
    const list = add(panel, "ol");
    list.setAttribute("aria-label", "The keys that it attends to, strongest first");

    const cellAt = (head, query, key) => head.cells[query * head.columns + key];
    const shown = (weight) => (weight >= 0.095 || weight === 0 ? weight.toFixed(2)
                                                               : String(Number(weight.toPrecision(2))));

    const rank = (head) => {
        const seen = [];
        for (let key = 0; key < head.columns; ++key) {
            const weight = cellAt(head, state.query, key).dataset.w;
            if (weight !== undefined) seen.push({ key, weight: Number(weight) });
        }
        return seen.sort((a, b) => b.weight - a.weight).slice(0, RANKED);
    };

    const showList = () => {
        const head = heads[state.head];
        const ranked = rank(head);
        list.replaceChildren();
        for (const { key, weight } of ranked) {
            const item = add(list, "li");
            add(item, "span", "words", keys[key]);
            add(add(item, "span", "track-line"), "div", "bar-line").style.width =
                `${100 * Math.min(weight, 1)}%`;
            add(item, "span", "weight", shown(weight));
        }
        entropy.textContent = `Entropy of ${head.entropies[state.query].textContent}`;
    };

    const showMaps = () => {
        for (const head of heads) {
            head.mark.setAttribute("y", state.query);
            head.mark.setAttribute("visibility", "visible");
            head.labels.forEach((label, i) => label.classList.toggle("chosen", i === state.query));
        }
    };

    function show(change) {
        Object.assign(state, change);
        querySelect.value = state.query;
        headSelect.value = state.head;
        showMaps();
        showList();
    }

    const read = (head, cell) => {
        head.readout.textContent = cell.querySelector("title").textContent;
    };

    const moveTo = (index, query, key) => {
        const head = heads[index];
        query = Math.max(0, Math.min(queries.length - 1, query));
        key = Math.max(0, Math.min(head.columns - 1, key));
        head.cursor.setAttribute("x", key);
        head.cursor.setAttribute("y", query);
        head.cursor.setAttribute("visibility", "visible");
        show({ head: index, query, key });
        read(head, cellAt(head, query, key));
    };

    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

    heads.forEach((head, index) => {
        head.readout.hidden = false;
        head.svg.tabIndex = 0;
        head.svg.setAttribute("role", "application");
        head.svg.setAttribute("aria-label",
                              `${head.svg.getAttribute("aria-label")}; arrow keys move in it`);
        head.readout.textContent = "Point at a cell, or press an arrow key.";
        head.svg.addEventListener("mouseover", (event) => {
            const cell = event.target.closest(".cells rect");
            if (cell) read(head, cell);
        });
        head.svg.addEventListener("click", (event) => {
            const at = head.cells.indexOf(event.target.closest(".cells rect"));
            const row = head.labels.indexOf(event.target.closest(".queries text"));
            if (at >= 0) moveTo(index, Math.floor(at / head.columns), at % head.columns);
            else if (row >= 0) moveTo(index, row, state.key);
        });
        head.svg.addEventListener("keydown", (event) => {
            const move = moves[event.key];
            if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
            event.preventDefault();
            moveTo(index, state.query + move[0], state.key + move[1]);
        });
    });

    panel.hidden = false;
    show({});
})();
